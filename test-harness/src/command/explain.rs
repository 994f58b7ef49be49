//! `ambit explain`.

use super::policy::DOES_NOT_COMPILE;
use ambit::policy::Policy;
use ambit_test_harness::explain::asked::{Wanted, assignment, header, read_request};
use ambit_test_harness::explain::{self, Asked, Format};
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Exit code for a request that cannot be made as it was asked for.
const USAGE: u8 = 2;

/// The request, and by whom.
///
/// Of the token it says who asks; a token is made for it as the policy's issuer would. Everything that
/// is not said is assumed, and the explanation says what.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  ambit explain policy.yaml -X PUT https://api.example.com/v1/tickets/7 -d '{}' --subject alice --actor planner
  ambit explain policy.yaml \"curl -H 'x-a: b' https://api.example.com/v1/tickets/7\"
  ambit explain policy.yaml request.json --format html > why.html
  ambit explain policy.yaml access.log --id 8rky5yKHm1hQ5AAAAAAAAg
  ambit explain policy.yaml /v1/documents/7 --attribute owner=bob --claim tid=acme")]
pub(super) struct Wish {
    /// A policy in YAML.
    policy: PathBuf,
    /// A URL, a path, a whole line of curl, a file with a request in JSON or with records, or `-`.
    request: String,
    /// The method; GET unless said, POST with a body.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    method: Option<String>,
    /// A header; of several, each by itself.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// The body.
    #[arg(short = 'd', long = "data", value_name = "BODY")]
    body: Option<String>,
    /// The user the agent acts for.
    #[arg(long)]
    subject: Option<String>,
    /// The agent, by the policy's name or its client id; of a chain, each, outermost first.
    #[arg(long = "actor")]
    actors: Vec<String>,
    /// A group of the user; of several, each by itself.
    #[arg(long = "group")]
    groups: Vec<String>,
    /// The token's scopes, separated by spaces; all unless said.
    #[arg(long)]
    scope: Option<String>,
    /// A claim of the token, its value as JSON or text; `null` takes one away.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = assignment)]
    claims: Vec<(String, Value)>,
    /// Instead of all that, a token; its signature is taken for its issuer's.
    #[arg(long, conflicts_with_all = ["subject", "actors", "groups", "scope", "claims"])]
    token: Option<String>,
    /// A SPIFFE id of the client's certificate; the agent's own, where the policy reads them.
    #[arg(long, value_name = "URI")]
    peer: Vec<String>,
    /// Without a token.
    #[arg(long, conflicts_with = "token")]
    anonymous: bool,
    /// What a look-up or the answer says of the record, its value as JSON or text.
    #[arg(long = "attribute", value_name = "NAME=VALUE", value_parser = assignment)]
    attributes: Vec<(String, Value)>,
    /// When, as in RFC 3339; now unless said.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Of a file with several records, the one with this id.
    #[arg(long)]
    id: Option<String>,
    /// How it is written.
    #[arg(long, default_value = "tree")]
    format: FormatName,
}

/// How an explanation is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatName {
    /// A tree, in colours on a terminal.
    Tree,
    /// JSON, for programs.
    Json,
    /// A page that needs nothing else.
    Html,
    /// A picture.
    Svg,
}

pub(super) fn run(wish: &Wish) -> io::Result<ExitCode> {
    let (name, text) = super::policy::read(&wish.policy)?;
    if let Err(errors) = Policy::load_yaml(&name, &text) {
        eprintln!("{errors}");
        return Ok(ExitCode::from(DOES_NOT_COMPILE));
    }
    let explained =
        read_request(&wish.request, wish.id.as_deref()).and_then(|wanted| match wanted {
            Wanted::Record(record) => explain::review(&name, &text, &record),
            Wanted::Request(asked) => explain::explain(&name, &text, &wish.over(*asked), clock()),
        });
    match explained {
        Ok(explained) => {
            let format = match wish.format {
                FormatName::Tree => Format::Tree,
                FormatName::Json => Format::Json,
                FormatName::Html => Format::Html,
                FormatName::Svg => Format::Svg,
            };
            super::policy::say(&explained.write(format, super::paint()))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("ambit: {error}");
            Ok(ExitCode::from(USAGE))
        }
    }
}

impl Wish {
    /// What the command line says goes over what the request says.
    fn over(&self, mut asked: Asked) -> Asked {
        let set = |to: &mut Option<String>, from: &Option<String>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        set(&mut asked.method, &self.method);
        set(&mut asked.subject, &self.subject);
        set(&mut asked.scope, &self.scope);
        set(&mut asked.token, &self.token);
        set(&mut asked.at, &self.at);
        asked.headers.extend(self.headers.iter().cloned());
        if let Some(body) = &self.body {
            asked.body.clone_from(body);
        }
        if !self.actors.is_empty() {
            asked.actors.clone_from(&self.actors);
        }
        if !self.groups.is_empty() {
            asked.groups = Some(self.groups.clone());
        }
        asked.claims.extend(self.claims.iter().cloned());
        asked.attributes.extend(self.attributes.iter().cloned());
        asked.peer.extend(self.peer.iter().cloned());
        asked.anonymous |= self.anonymous;
        asked
    }
}

/// Milliseconds since the epoch.
fn clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
