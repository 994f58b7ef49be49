//! Every scenario, natively, in wasmtime and in a real Envoy: each as expected, and all alike.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::scenario::{Engine, Envoy, Native, ScenarioFile, Wasmtime};
use ambit_test_harness::suite;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The scenarios, and the tests of every example policy.
fn files() -> Vec<(String, ScenarioFile)> {
    let list = |folder: &str| -> Vec<PathBuf> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies");
    let tests = suite::suites(&[policies]).unwrap().files;
    let read = |path: PathBuf| {
        let name = path.components().rev().take(2).map(|part| part.as_os_str().to_string_lossy());
        let name = name.collect::<Vec<_>>().join(" of ");
        (name, ScenarioFile::read(&path).unwrap_or_else(|error| panic!("{error}")))
    };
    list("scenarios").into_iter().chain(tests).map(read).collect()
}

#[test]
fn all_engines_do_what_each_scenario_expects_and_do_it_alike() {
    let root = root();
    let bytes = std::fs::read(root.join("dist/ambit.wasm"))
        .unwrap_or_else(|_| panic!("dist/ambit.wasm is not there: run `make module`"));
    let module = Module::compile(&bytes).unwrap();
    let files = files();
    let all: Vec<ScenarioFile> = files.iter().map(|(_, file)| file.clone()).collect();
    let mut envoy = Envoy::start(&root, &all).unwrap_or_else(|error| panic!("{error}"));
    let (mut asked, mut wrong) = (0, Vec::new());
    for (number, (name, file)) in files.iter().enumerate() {
        let mut native = Native::new(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut in_pieces =
            Native::in_pieces(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut wasmtime =
            Wasmtime::new(&module, file).unwrap_or_else(|error| panic!("{name}: {error}"));
        // A real Envoy has no other time than the clock's.
        let timed = file.requests.iter().any(|ask| ask.at.is_some());
        let mut elsewhere =
            Wasmtime::elsewhere(&module, file).unwrap_or_else(|error| panic!("{name}: {error}"));
        envoy.choose(number);
        for ask in &file.requests {
            let token = ask.mint();
            let mut engines: Vec<&mut dyn Engine> =
                vec![&mut native, &mut in_pieces, &mut wasmtime, &mut elsewhere];
            if !timed {
                engines.push(&mut envoy);
            }
            let seen: Vec<_> = engines
                .into_iter()
                .map(|engine| (engine.name(), engine.ask(ask, token.as_deref())))
                .collect();
            let what = format!("{name}: {}", ask.name);
            for (engine, observed) in &seen {
                match observed {
                    Ok(observed) => {
                        let failure = suite::failure(file, ask, observed);
                        wrong.extend(failure.map(|failure| format!("{what}: {engine}: {failure}")));
                    }
                    Err(error) => wrong.push(format!("{what}: {engine}: {error}")),
                }
            }
            let (first, rest) = seen.split_first().unwrap();
            for (engine, observed) in rest {
                if observed != &first.1 {
                    wrong.push(format!(
                        "{what}: {engine} differs:\n  {observed:?}\n  {:?}",
                        first.1
                    ));
                }
            }
            asked += 1;
        }
    }
    assert!(asked >= 270, "only {asked} scenarios were found");
    assert!(wrong.is_empty(), "{} of {asked} scenarios:\n{}", wrong.len(), wrong.join("\n"));
}
