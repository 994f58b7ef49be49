//! What the workers of a process share, and others who share it with them.

use super::world::{assert_never_open, assert_works, gateway, inline, keys, policy};
use ambit_test_harness::proxy_host::{CalloutAnswer, CasDialect, Gateway, Response};

/// With keys to be fetched, so that whatever is shared about them is.
fn gateway_that_fetches() -> Gateway {
    let remote = "{ remote: { cluster: idp, url: \"https://idp.example.com/k\", refresh: 60s, keep_stale: 600s } }";
    let mut gateway = gateway(&policy(remote))
        .workers(2)
        .clusters(|callout| {
            CalloutAnswer::Response(match callout.cluster.as_str() {
                "idp" => Response::new(200).body(keys(7, "k1").to_string()),
                _ => super::world::record_of("alice"),
            })
        })
        .build()
        .unwrap();
    for _ in 0..10 {
        gateway.advance(1);
    }
    assert_works(&mut gateway);
    gateway
}

type Change = fn(&[u8], &[u8]) -> Vec<u8>;

#[test]
fn shared_data_that_is_garbage_or_another_modules_opens_nothing_and_stops_nothing() {
    let changes: [(&str, Change); 7] = [
        ("nothing", |_, _| Vec::new()),
        ("one byte", |_, _| vec![0]),
        ("all ones", |_, value| vec![0xff; value.len()]),
        ("cut short", |_, value| value[..value.len() / 2].to_vec()),
        ("longer", |_, value| [value, value].concat()),
        ("another's", |key, _| key.to_vec()),
        ("huge", |_, _| vec![b'{'; 4 << 20]),
    ];
    for (what, change) in changes {
        let mut gateway = gateway_that_fetches();
        for _ in 0..4 {
            gateway.shared().change_all(change);
            assert_works(&mut gateway);
            assert_never_open(&mut gateway, what);
            for _ in 0..20 {
                gateway.advance(1);
            }
        }
    }
}

#[test]
fn shared_data_that_is_full_or_missing_opens_nothing() {
    for import in ["proxy_set_shared_data", "proxy_get_shared_data"] {
        for status in [1, 2, 7, 8, 10, 12] {
            for after in [0, 2] {
                let built = gateway(&inline()).fault(import, after, status).build();
                let Ok(mut gateway) = built else { continue };
                let what = format!("{import} {after} {status}");
                for _ in 0..3 {
                    assert_never_open(&mut gateway, &what);
                }
                // No token here is bound to a sender, so nothing needs what cannot be shared.
                assert_works(&mut gateway);
            }
        }
    }
}

#[test]
fn either_dialect_of_compare_and_swap_is_served() {
    for dialect in [CasDialect::Envoy, CasDialect::Nginx] {
        let mut gateway = gateway(&inline()).cas(dialect).workers(2).build().unwrap();
        assert_works(&mut gateway);
        assert_never_open(&mut gateway, "dialect");
    }
}
