//! The names of headers that mean something to Ambit.

use super::single::Single;

/// What becomes of a header when the request goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes on as it came.
    Passes,
    /// The caller's credentials: they end at the gateway unless the resource keeps them.
    Credential,
    /// Consumed by Ambit, whoever may come after it.
    Consumed,
    /// What no client may say: ways to ask for another method, path or host than the request
    /// line's, which some upstreams obey, and headers by which proxies tell an upstream who asks
    /// and from where. Who asks stands in `ambit` alone. Those that Envoy itself sets before its
    /// filters are not among them.
    Override,
}

/// A name, with what it means.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// In lower case.
    pub(super) name: &'static str,
    /// Where a second one would make the request ambiguous.
    pub(super) single: Option<Single>,
    pub(super) fate: Fate,
}

/// The known name that `name` is, which is in lower case already.
///
/// Most names of a request are none of these, and are told apart by their length and last byte.
pub(super) fn known(name: &[u8]) -> Option<&'static Known> {
    let last = name.last()?;
    let alike = |known: &&Known| known.name.as_bytes().last() == Some(last);
    let mut alike = KNOWN.get(name.len())?.iter().filter(alike);
    alike.find(|known| known.name.as_bytes() == name)
}

const fn one(name: &'static str, single: Single, fate: Fate) -> Known {
    Known { name, single: Some(single), fate }
}

const fn credential(name: &'static str) -> Known {
    Known { name, single: None, fate: Fate::Credential }
}

const fn forbidden(name: &'static str) -> Known {
    Known { name, single: None, fate: Fate::Override }
}

/// By length. A name is compared with those of its own length alone.
static KNOWN: [&[Known]; 35] = [
    &[],
    &[],
    &[],
    &[],
    &[one("dpop", Single::Dpop, Fate::Credential), one("host", Single::Host, Fate::Passes)],
    &[one(":path", Single::Path, Fate::Passes)],
    &[
        credential("cookie"),
        one("origin", Single::Origin, Fate::Passes),
        forbidden("x-host"),
        forbidden("x-user"),
    ],
    &[
        one(":method", Single::Method, Fate::Passes),
        one(":scheme", Single::Scheme, Fate::Passes),
        one("upgrade", Single::Upgrade, Fate::Passes),
    ],
    &[one("if-match", Single::IfMatch, Fate::Passes)],
    &[
        one(":protocol", Single::Protocol, Fate::Passes),
        forbidden("client-ip"),
        forbidden("forwarded"),
        forbidden("x-real-ip"),
        forbidden("x-user-id"),
    ],
    &[one(":authority", Single::Authority, Fate::Passes)],
    &[
        one("ambit-grant", Single::AmbitGrant, Fate::Consumed),
        forbidden("remote-user"),
        forbidden("x-client-ip"),
    ],
    &[one("content-type", Single::ContentType, Fate::Passes)],
    &[
        one("authorization", Single::Authorization, Fate::Credential),
        one("if-none-match", Single::IfNoneMatch, Fate::Passes),
        forbidden("x-consumer-id"),
        forbidden("x-http-method"),
        forbidden("x-remote-user"),
        forbidden("x-rewrite-uri"),
        forbidden("x-rewrite-url"),
    ],
    &[
        one("ambit-approval", Single::AmbitApproval, Fate::Consumed),
        one("content-length", Single::ContentLength, Fate::Passes),
        one("http2-settings", Single::Http2Settings, Fate::Passes),
        forbidden("true-client-ip"),
        forbidden("x-original-uri"),
        forbidden("x-original-url"),
        forbidden("x-override-url"),
        forbidden("x-webauth-user"),
    ],
    &[forbidden("x-forwarded-uri"), forbidden("x-original-host"), forbidden("x-original-path")],
    &[
        forbidden("cf-connecting-ip"),
        one("content-encoding", Single::ContentEncoding, Fate::Passes),
        forbidden("fastly-client-ip"),
        forbidden("x-amzn-oidc-data"),
        forbidden("x-forwarded-host"),
        forbidden("x-forwarded-path"),
        forbidden("x-forwarded-user"),
    ],
    &[
        forbidden("x-forwarded-email"),
        forbidden("x-method-override"),
        forbidden("x-original-method"),
    ],
    &[
        forbidden("x-forwarded-groups"),
        forbidden("x-forwarded-method"),
        forbidden("x-forwarded-prefix"),
        forbidden("x-forwarded-scheme"),
        forbidden("x-forwarded-server"),
    ],
    &[
        one("if-unmodified-since", Single::IfUnmodifiedSince, Fate::Passes),
        credential("proxy-authorization"),
        forbidden("x-auth-request-user"),
        forbidden("x-cluster-client-ip"),
        forbidden("x-consumer-username"),
    ],
    &[
        forbidden("x-amzn-oidc-identity"),
        forbidden("x-auth-request-email"),
        forbidden("x-authenticated-user"),
        forbidden("x-consumer-custom-id"),
        forbidden("x-envoy-original-url"),
        forbidden("x-http-host-override"),
        forbidden("x-http-path-override"),
    ],
    &[
        forbidden("x-auth-request-groups"),
        forbidden("x-envoy-attempt-count"),
        forbidden("x-envoy-original-host"),
        forbidden("x-envoy-original-path"),
        forbidden("x-envoy-peer-metadata"),
        forbidden("x-ms-client-principal"),
    ],
    &[
        forbidden("x-authenticated-userid"),
        forbidden("x-http-method-override"),
        forbidden("x-original-request-uri"),
    ],
    &[
        forbidden("cf-access-jwt-assertion"),
        forbidden("x-amzn-oidc-accesstoken"),
        forbidden("x-credential-identifier"),
    ],
    &[
        forbidden("x-envoy-peer-metadata-id"),
        forbidden("x-forwarded-access-token"),
        forbidden("x-goog-iap-jwt-assertion"),
        forbidden("x-ms-client-principal-id"),
    ],
    &[forbidden("x-forwarded-host-override")],
    &[forbidden("x-ms-client-principal-name")],
    &[forbidden("x-auth-request-access-token")],
    &[forbidden("x-goog-authenticated-user-id")],
    &[one("access-control-request-method", Single::RequestedMethod, Fate::Passes)],
    &[forbidden("x-forwarded-preferred-username")],
    &[forbidden("x-goog-authenticated-user-email")],
    &[],
    &[forbidden("x-auth-request-preferred-username")],
    &[forbidden("cf-access-authenticated-user-email")],
];

/// All of them.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_found_where_it_is_looked_for() {
        for row in all() {
            let found = known(row.name.as_bytes()).unwrap();
            assert_eq!((found.name, found.fate), (row.name, row.fate));
            assert_eq!(row.name, row.name.to_ascii_lowercase());
        }
        assert_eq!(all().count(), 91);
    }

    #[test]
    fn no_other_name_is_found() {
        for name in
            ["", "x", "x-forwarded-fot", "x-forwarded-for", "authorizatiom", "authorization2"]
        {
            assert!(known(name.as_bytes()).is_none(), "{name}");
        }
    }
}
