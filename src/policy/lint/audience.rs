//! Issuers whose tokens are for nothing of the policy.

use super::{Lint, listed, member};
use crate::policy::document::Profile;
use std::collections::BTreeSet;

impl Lint<'_> {
    pub(super) fn audiences(&mut self) {
        let document = self.document;
        let known: BTreeSet<&str> = document
            .resources
            .values()
            .filter_map(|resource| resource.audience.as_deref())
            .collect();
        for (at, issuer) in document.identity.issuers.iter().enumerate() {
            let pointer = format!("/identity/issuers/{at}");
            for (map, written) in [
                ("audiences", &issuer.audiences),
                ("audience_by_client", &issuer.audience_by_client),
            ] {
                for (theirs, ours) in
                    written.iter().filter(|(_, ours)| !known.contains(ours.as_str()))
                {
                    self.add(
                        "no-audience",
                        &member(&format!("{pointer}/{map}"), theirs),
                        format!("`{ours}` is no resource's audience, so `{theirs}` opens nothing"),
                        "a token counts only where its audience is the resource's, letter by letter",
                        format!("one of {}", listed(known.iter().copied())),
                    );
                }
            }
            match issuer.profile {
                Profile::Cognito if issuer.audience_by_client.is_empty() => self.add(
                    "no-audience",
                    &pointer,
                    format!("tokens of `{}` name no audience", issuer.issuer),
                    "access tokens of Cognito have no `aud`, and a token for nobody is refused everywhere \
                     (`wrong-audience`)",
                    "`audience_by_client: { <client id>: <audience of the resource> }`",
                ),
                Profile::Entra
                    if issuer.audiences.is_empty()
                        && issuer.issuer.trim_end_matches('/').ends_with("/v2.0")
                        && known.iter().all(|audience| audience.contains("://")) =>
                {
                    self.add(
                        "no-audience",
                        &pointer,
                        format!("tokens of `{}` are for no resource here", issuer.issuer),
                        "in Entra's tokens of version 2 `aud` is the application's id, and the resources \
                         have URLs",
                        "`audiences: { <application id>: <audience of the resource> }`",
                    );
                }
                _ => {}
            }
        }
    }
}
