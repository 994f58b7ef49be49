//! What a refused caller is asked to bring: the challenges of `WWW-Authenticate` (RFC 6750 §3,
//! RFC 9449 §7.1).

use crate::decision::{Decision, Reason, ReasonKind};
use crate::identity::dpop;

/// By which schemes a caller may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Schemes {
    /// With a bearer token.
    #[default]
    Bearer,
    /// With one that is bound to it by a certificate, or with a proof.
    Both,
    /// With a proof: it came with one, or its token or every issuer's needs one.
    Dpop,
}

/// One value for each challenge; none where another token would not help. No error code where no
/// credentials were sent (RFC 6750 §3.1), and `insufficient_scope` only where more scope would help.
pub(super) fn challenges(
    decision: &Decision,
    schemes: Schemes,
    metadata: Option<&str>,
) -> Vec<String> {
    let error = match (decision.reason, decision.reason.kind()) {
        (Reason::NoToken, _) => "",
        (Reason::BadProof | Reason::ProofReplayed, _) => "invalid_dpop_proof",
        (Reason::ProofNonce, _) => "use_dpop_nonce",
        (_, ReasonKind::Unauthenticated) => "invalid_token",
        (Reason::InsufficientScope, _) => "insufficient_scope",
        _ => return Vec::new(),
    };
    let mut parameters = Vec::new();
    if !error.is_empty() {
        parameters.push(format!("error=\"{error}\""));
    }
    if !decision.missing_scopes.is_empty() {
        parameters.push(format!("scope=\"{}\"", decision.missing_scopes.join(" ")));
    }
    if let Some(metadata) = metadata {
        parameters.push(format!("resource_metadata=\"{metadata}\""));
    }
    let parameters = parameters.join(", ");
    let bearer = ["Bearer", if parameters.is_empty() { "" } else { " " }, &parameters].concat();
    let names = dpop::ALGORITHMS.map(|algorithm| algorithm.name()).join(" ");
    match schemes {
        Schemes::Bearer => vec![bearer],
        Schemes::Both => vec![bearer, format!("DPoP algs=\"{names}\"")],
        Schemes::Dpop if parameters.is_empty() => vec![format!("DPoP algs=\"{names}\"")],
        Schemes::Dpop => vec![format!("DPoP {parameters}, algs=\"{names}\"")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALGORITHMS: &str = "algs=\"EdDSA ES256 ES384 PS256 RS256\"";

    fn of(reason: Reason, schemes: Schemes) -> Vec<String> {
        challenges(&Decision::deny(reason), schemes, None)
    }

    #[test]
    fn each_scheme_that_would_do_is_named_and_no_other() {
        assert_eq!(of(Reason::NoToken, Schemes::Bearer), ["Bearer"]);
        let both = of(Reason::Expired, Schemes::Both);
        assert_eq!(both, ["Bearer error=\"invalid_token\"", &format!("DPoP {ALGORITHMS}")]);
        let dpop = of(Reason::Expired, Schemes::Dpop);
        assert_eq!(dpop, [format!("DPoP error=\"invalid_token\", {ALGORITHMS}")]);
        assert_eq!(of(Reason::NoToken, Schemes::Dpop), [format!("DPoP {ALGORITHMS}")]);
        assert!(of(Reason::NotAllowed, Schemes::Dpop).is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_proof_has_codes_of_its_own() {
        for (reason, code) in [
            (Reason::BadProof, "invalid_dpop_proof"),
            (Reason::ProofReplayed, "invalid_dpop_proof"),
            (Reason::ProofNonce, "use_dpop_nonce"),
            (Reason::SenderNotProved, "invalid_token"),
        ] {
            let wanted = format!("DPoP error=\"{code}\", {ALGORITHMS}");
            assert_eq!(of(reason, Schemes::Dpop), [wanted]);
        }
    }
}
