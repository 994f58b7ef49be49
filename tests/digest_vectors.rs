//! Digest v1 against vectors that another implementation computed (`docs/vectors/digest.json`).

use ambit::approval::digest::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn the_digest_of_every_vector_is_the_one_computed_elsewhere() {
    let file = include_str!("../docs/vectors/digest.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(vectors.len() >= 12);
    let mut digests = BTreeSet::new();
    for vector in vectors {
        let request = &vector["request"];
        let text = |name: &str| request.get(name).and_then(Value::as_str);
        let headers: Vec<(String, String)> = request
            .get("headers")
            .map(|headers| serde_json::from_value(headers.clone()).unwrap())
            .unwrap_or_default();
        let body = URL_SAFE_NO_PAD.decode(text("body").unwrap()).unwrap();
        let request = HttpRequest {
            audience: text("audience").unwrap(),
            host: text("host").unwrap(),
            method: text("method").unwrap(),
            path: text("path").unwrap(),
            query: text("query"),
            content_type: text("content_type"),
            if_match: text("if_match"),
            if_none_match: text("if_none_match"),
            if_unmodified_since: text("if_unmodified_since"),
            headers: &headers,
            body: &body,
        };
        assert_eq!(
            request.canonical(),
            vector["canonical"].as_str().unwrap(),
            "{}",
            vector["name"]
        );
        assert_eq!(request.digest(), vector["digest"].as_str().unwrap(), "{}", vector["name"]);
        assert!(digests.insert(request.digest()), "{}: every part is bound", vector["name"]);
    }
}
