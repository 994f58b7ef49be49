//! The same in a real Envoy, before an issuer, a look-up service and an upstream that do as they are
//! told.

use super::world::{HERS, POLICY, compiled, keys, root, token_by};
use ambit_test_harness::demo::gateway::{Gateway, Listener, Settings, configuration_of};
use ambit_test_harness::scenario::raw;
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const FIRST: u16 = 13400;
const REMOTE: &str = "{ remote: { cluster: idp, url: \"http://idp.example.com/k\", refresh: 60s, keep_stale: 600s } }";
/// How long an answer may take, whatever is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server does with a request.
#[derive(Clone)]
enum Does {
    /// Sends these bytes and closes.
    Says(Vec<u8>),
    /// Says nothing for so long, and closes.
    Sleeps(Duration),
}

/// A server on 127.0.0.1 that does as it is told.
#[derive(Clone)]
struct Server {
    does: Arc<Mutex<Does>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(port: u16, does: Does) -> Self {
        let server = Self { does: Arc::new(Mutex::new(does)), seen: Arc::default() };
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = shared.clone();
                std::thread::spawn(move || server.serve(stream));
            }
        });
        server
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
        while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(length) => bytes.extend(&piece[..length]),
            }
        }
        self.seen.lock().unwrap().push(String::from_utf8_lossy(&bytes).into_owned());
        let does = self.does.lock().unwrap().clone();
        match does {
            // A peer that went away needs no answer.
            Does::Says(bytes) => drop(stream.write_all(&bytes)),
            Does::Sleeps(time) => std::thread::sleep(time),
        }
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

fn http(status: u16, headers: &str, body: &[u8]) -> Does {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    Does::Says([head.as_bytes(), body].concat())
}

fn json(body: &str) -> Does {
    http(200, "content-type: application/json\r\n", body.as_bytes())
}

/// An answer that ends before it said it would.
fn cut(body: &str) -> Does {
    let head = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n";
    Does::Says(format!("{head}{body}").into_bytes())
}

/// Ways to fail that any server has.
fn failures() -> Vec<(&'static str, Does)> {
    vec![
        ("reset", Does::Says(Vec::new())),
        ("slow", Does::Sleeps(PATIENCE)),
        ("no HTTP", Does::Says(b"SSH-2.0-x\r\n\r\n".to_vec())),
        ("503", http(503, "", b"")),
        ("500", http(500, "", HERS.as_bytes())),
        ("redirect", http(302, "location: /other\r\n", HERS.as_bytes())),
        ("nothing", json("")),
        ("garbage", http(200, "", b"\xff\xfe\x00")),
        ("two readings", json(r#"{"owner":"alice","owner":"alice","keys":[],"keys":[]}"#)),
        ("cut short", cut(HERS)),
        ("huge", json(&format!(r#"{{"x":"{}","owner":"alice"}}"#, "x".repeat(3 << 20)))),
    ]
}

struct World {
    port: u16,
    issuer: Server,
    index: Server,
    upstream: Server,
    settings: Settings,
}

impl World {
    fn new(first: u16, name: &str, jwks: &str) -> Self {
        let folder = root().join("target").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let settings = Settings {
            listeners: vec![Listener {
                port: first,
                policy: compiled(&POLICY.replace("JWKS", jwks)),
                records: folder.join("records.log"),
            }],
            admin: first + 1,
            signing_key: "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk".to_owned(),
            clusters: vec![
                ("upstream".to_owned(), first + 2),
                ("idp".to_owned(), first + 3),
                ("index".to_owned(), first + 4),
            ],
            module: root().join("dist/ambit.wasm"),
            workers: 1,
        };
        Self {
            port: first,
            upstream: Server::start(first + 2, json(HERS)),
            issuer: Server::start(first + 3, http(500, "", b"")),
            index: Server::start(first + 4, json(HERS)),
            settings,
        }
    }

    async fn launch(&self, configuration: &Value) -> Gateway {
        let folder = self.settings.listeners[0].records.parent().unwrap().to_owned();
        Gateway::launch(&root(), Path::new(&folder), &self.settings, configuration).await.unwrap()
    }

    /// The status, 0 where the answer broke off, and its body.
    fn ask(&self, target: &str, token: bool) -> (u16, String) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let mut headers = vec![("host".to_owned(), b"api.example.com".to_vec())];
        if token {
            let token = token_by(7, "k1", now);
            headers.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
        }
        match raw::send(self.port, &format!("GET {target}"), &headers, &[], &[], PATIENCE) {
            Ok(answer) => (answer.status(), String::from_utf8_lossy(&answer.body).into_owned()),
            Err(error) => {
                let waited = error.to_string();
                (0, waited)
            }
        }
    }

    fn assert_good(&self, what: &str) {
        for target in ["/p/1", "/l/1", "/h/1"] {
            let mut answer = self.ask(target, true);
            // A worker that starts anew, or an issuer that is asked again, takes its moment.
            for _ in 0..200 {
                if answer.0 == 200 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
                answer = self.ask(target, true);
            }
            assert_eq!(answer, (200, HERS.to_owned()), "{what}: {target}");
        }
        assert_eq!(self.ask("/p/1", false).0, 401, "{what}");
        self.upstream.take_seen();
    }

    /// Refused with this, and the upstream saw nothing.
    fn assert_closed(&self, target: &str, status: u16, reason: &str, what: &str) {
        let (code, body) = self.ask(target, true);
        assert_eq!(code, status, "{what}: {body}");
        assert!(body.contains(reason), "{what}: {body}");
        assert_eq!(self.upstream.take_seen(), Vec::<String>::new(), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_no_dependency_that_fails_opens_or_wedges_and_the_next_good_request_passes() {
    let world = World::new(FIRST, "envoy-faults", REMOTE);
    let gateway = world.launch(&configuration_of(&world.settings)).await;
    // The issuer, from the start.
    world.upstream.take_seen();
    for (what, does) in failures() {
        world.issuer.now(does);
        world.issuer.take_seen();
        for _ in 0..4 {
            world.assert_closed("/p/1", 503, "issuer-unavailable", what);
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    world.issuer.now(json(&keys(7, "k1").to_string()));
    world.assert_good("the issuer is well");
    // The look-up.
    for (what, does) in failures() {
        world.index.now(does);
        world.assert_closed("/l/1", 503, "lookup-unavailable", what);
        world.index.now(json(HERS));
        world.assert_good(what);
    }
    for body in [r#"{"owner":"bob"}"#, r#"{"owner":["alice"]}"#] {
        world.index.now(json(body));
        world.assert_closed("/l/1", 403, "not-allowed", body);
    }
    // A client that does not wait, and an answer that comes when it is gone.
    world.index.now(Does::Sleeps(Duration::from_millis(300)));
    for _ in 0..5 {
        let mut stream = TcpStream::connect(("127.0.0.1", world.port)).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let token = token_by(7, "k1", now);
        let request = format!(
            "GET /l/1 HTTP/1.1\r\nhost: api.example.com\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(world.upstream.take_seen(), Vec::<String>::new());
    world.index.now(json(HERS));
    world.assert_good("clients left");
    // The upstream: a held answer is whole, plain and hers, or not shown.
    let secret = r#"{"owner":"bob","secret":1}"#;
    let imitating =
        "content-type: application/json\r\nambit: sub=\"alice\"\r\nwww-authenticate: x\r\n";
    let strange = failures().into_iter().chain([
        ("another's", json(secret)),
        ("imitating", http(200, imitating, secret.as_bytes())),
        ("cut in the middle", cut(secret)),
        ("html", http(200, "content-type: text/html\r\n", HERS.as_bytes())),
        ("a part", http(206, "content-type: application/json\r\n", HERS.as_bytes())),
    ]);
    for (what, does) in strange {
        world.upstream.now(does);
        let (status, body) = world.ask("/h/1", true);
        assert_ne!(status, 200, "{what}: {body}");
        assert!(!body.contains("owner") && !body.contains("secret"), "{what}: {body}");
        world.upstream.now(json(HERS));
        world.assert_good(what);
    }
    gateway.stop().await;
}

/// The configuration with a change to the plugin's part of it.
fn with_plugin(settings: &Settings, change: impl Fn(&mut Value)) -> Value {
    let mut configuration = configuration_of(settings);
    let plugin = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config";
    change(configuration.pointer_mut(plugin).unwrap());
    configuration
}

/// What `envoy/envoy.yaml` allows, without one.
pub fn capabilities(without: &str) -> Value {
    let text = std::fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    let (_, list) = text.split_once("allowed_capabilities:").unwrap();
    let names = list.lines().skip(1).map_while(|line| line.trim().strip_suffix(": {}"));
    let allowed: serde_json::Map<String, Value> =
        names.filter(|name| *name != without).map(|name| (name.to_owned(), json!({}))).collect();
    assert!(allowed.len() > 20);
    json!({ "allowed_capabilities": allowed })
}

#[tokio::test(flavor = "multi_thread")]
async fn in_envoy_a_module_that_traps_closes_and_with_fail_reload_serves_again() {
    let inline = format!("{{ inline: {} }}", keys(7, "k1"));
    for (policy, first) in [("FAIL_CLOSED", FIRST + 20), ("FAIL_RELOAD", FIRST + 30)] {
        let world = World::new(first, &format!("envoy-trap-{first}"), &inline);
        let configuration = with_plugin(&world.settings, |plugin| {
            plugin["failure_policy"] = policy.into();
            plugin["vm_config"]["capability_restriction_config"] =
                capabilities("proxy_set_effective_context");
        });
        let gateway = world.launch(&configuration).await;
        assert_eq!(world.ask("/p/1", true).0, 200);
        world.upstream.take_seen();
        // The look-up's answer is the end of the worker, and of nothing else.
        let (status, body) = world.ask("/l/1", true);
        assert!(status == 503 || status == 0, "{policy}: {status} {body}");
        assert_eq!(world.upstream.take_seen(), Vec::<String>::new(), "{policy}");
        let mut served = false;
        for _ in 0..50 {
            std::thread::sleep(Duration::from_millis(100));
            served |= world.ask("/p/1", true).0 == 200;
        }
        assert_eq!(served, policy == "FAIL_RELOAD");
        assert!(world.upstream.take_seen().iter().all(|seen| seen.starts_with("GET /p/1 ")));
        gateway.stop().await;
    }
    // With the whole list, the same is served.
    let world = World::new(FIRST + 40, "envoy-capable", REMOTE);
    world.issuer.now(json(&keys(7, "k1").to_string()));
    let configuration = with_plugin(&world.settings, |plugin| {
        plugin["vm_config"]["capability_restriction_config"] = capabilities("");
    });
    let gateway = world.launch(&configuration).await;
    world.assert_good("the recommended list");
    gateway.stop().await;
}
