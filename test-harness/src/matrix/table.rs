//! The table as text, one line a field, so that a permission that changes is one line of a diff.

use ambit::matrix::{Field, Ground, Outcome, Refused, Users, matrix};
use ambit::policy::Policy;
use ambit::policy::document::{ApprovalMode, Mode, Tier};

/// What stands at the top of the file.
const HEAD: &str = "\
# Who may do what: what each policy lets each agent do, before anything is known of a request.
# `ambit matrix` compares, `ambit matrix --update` writes.
#   allow    whoever asks, whatever is asked          approval  a person has to say yes, at this tier
#   depends  on the user, the record or the time      deny      whoever asks, whatever is asked
# A token's own scopes narrow further, and so does every agent that is asked through.
";

/// The table of some policies, each with the name it has in the file.
///
/// # Errors
/// A policy that does not compile, with every error.
pub fn table(policies: &[(String, String)]) -> Result<String, String> {
    let mut text = HEAD.to_owned();
    for (name, source) in policies {
        let loaded = Policy::load_yaml(name, source).map_err(|errors| errors.to_string())?;
        text.push_str(&format!("\n## {name}: {}\n", said(&loaded.policy)));
        let fields: Vec<[String; 5]> = matrix(&loaded.policy)
            .iter()
            .map(|field| line(field, loaded.policy.approval_mode()))
            .collect();
        let width = |column: usize| {
            let cells = fields.iter().filter_map(|cells| cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for cells in &fields {
            let [actor, resource, action, decision, why] = cells;
            let [w0, w1, w2, w3] = widths;
            let line =
                format!("{actor:<w0$}  {resource:<w1$}  {action:<w2$}  {decision:<w3$}  {why}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    Ok(text)
}

fn said(policy: &Policy) -> String {
    match policy.mode() {
        Mode::Enforce => policy.name().to_owned(),
        Mode::Shadow => format!("{} (shadow: recorded, and nothing is refused)", policy.name()),
    }
}

fn line(field: &Field, mode: ApprovalMode) -> [String; 5] {
    let users = match &field.users {
        Users::Nobody | Users::Everyone => String::new(),
        Users::Itself => "; for itself".to_owned(),
        Users::Groups(some, never) => {
            let mut text = match some.as_slice() {
                [] => String::new(),
                groups => format!("; for {}", groups.join(", ")),
            };
            if !never.is_empty() {
                text.push_str(&format!("; never for {}", never.join(", ")));
            }
            text
        }
    };
    let approval = |tier: Tier| match mode {
        ApprovalMode::Hold => format!("approval {}", tier.name()),
        ApprovalMode::Tag => format!("approval {} by tag", tier.name()),
    };
    let (decision, why) = match &field.outcome {
        Outcome::Deny(why) => ("deny".to_owned(), refused(why)),
        Outcome::Allow { rules, tier: Tier::None } => ("allow".to_owned(), rules.join(", ")),
        Outcome::Allow { rules, tier } => (approval(*tier), rules.join(", ")),
        Outcome::Depends { allowing, forbidding } => {
            let mut parts: Vec<String> = allowing.iter().map(|it| ground(it, mode)).collect();
            let never = forbidding.iter().map(|it| format!("never by {}", ground(it, mode)));
            parts.extend(never);
            ("depends".to_owned(), parts.join("; "))
        }
    };
    let (actor, resource) = (field.actor.clone(), field.resource.clone());
    [actor, resource, field.action.to_string(), decision, why + &users]
}

fn ground(ground: &Ground, mode: ApprovalMode) -> String {
    let mut text = ground.rule.clone();
    if ground.tier != Tier::None {
        let tag = if mode == ApprovalMode::Tag { " by tag" } else { "" };
        text.push_str(&format!(" (approval {}{tag})", ground.tier.name()));
    }
    if let Some(when) = &ground.when {
        let words: Vec<&str> = when.split_whitespace().collect();
        text.push_str(&format!(" when {}", words.join(" ")));
    }
    text
}

fn refused(why: &Refused) -> String {
    match why {
        Refused::NoPath => "no path and method of it".to_owned(),
        Refused::BeyondAgent => "beyond the agent's scopes".to_owned(),
        Refused::BeyondUsers => "beyond every user's scopes".to_owned(),
        Refused::NoRule => "no rule allows it".to_owned(),
        Refused::Forbidden(rules) => format!("forbidden by {}", rules.join(", ")),
    }
}
