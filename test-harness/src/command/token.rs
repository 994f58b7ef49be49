//! `ambit token`.

use ambit_test_harness::demo::issuer::{Wanted, ed25519, seed};
use ambit_test_harness::proof::{About, Proof, thumbprint};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Args;
use std::io;
use std::process::ExitCode;
use tokio::runtime::Builder;

/// What the token says.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// The user; left out, the token is the agent's own.
    #[arg(long = "as", value_name = "USER")]
    subject: Option<String>,
    /// The agent that asks for it.
    #[arg(long, default_value = "support-assistant")]
    agent: String,
    /// Its scopes, separated by spaces.
    #[arg(long)]
    scope: Option<String>,
    /// The key that signs it: EdDSA, ES256 or RS256.
    #[arg(long, default_value = "EdDSA")]
    alg: String,
    /// One that ended ten minutes ago.
    #[arg(long)]
    expired: bool,
    /// One that lasts a day.
    #[arg(long)]
    long_lived: bool,
    /// One that another key signed.
    #[arg(long)]
    forged: bool,
    /// Bound to a new key, with a proof for one request: prints two headers, for `curl -H @-`.
    #[arg(long, value_names = ["METHOD", "URL"], num_args = 2)]
    dpop: Option<Vec<String>>,
}

impl Asked {
    fn wanted(&self) -> Wanted {
        let fresh = Wanted::new(self.subject.as_deref().unwrap_or(&self.agent), &self.agent);
        let lifetime = if self.long_lived { 86_400 } else { fresh.lifetime };
        Wanted {
            scope: self.scope.clone().unwrap_or_else(|| fresh.scope.clone()),
            algorithm: self.alg.clone(),
            lifetime,
            age: if self.expired { lifetime.saturating_add(600) } else { 0 },
            forged: self.forged,
            ..fresh
        }
    }
}

pub(super) fn print(asked: &Asked) -> io::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let fetch = |wanted: Wanted| runtime.block_on(wanted.fetch());
    match asked.dpop.as_deref() {
        Some([method, uri]) => {
            let key = ed25519()?;
            let token = fetch(Wanted { bound_to: thumbprint(&key), ..asked.wanted() })?;
            let id = URL_SAFE_NO_PAD.encode(seed()?);
            let about = About { token: &token, method, uri, id: &id };
            println!("authorization: DPoP {token}");
            println!("dpop: {}", Proof::default().sign(&key, &about));
        }
        _ => println!("{}", fetch(asked.wanted())?),
    }
    Ok(ExitCode::SUCCESS)
}
