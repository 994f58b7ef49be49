//! Every scenario, natively, in wasmtime and in a real Envoy: each as expected, and all alike.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use ambit_test_harness::proxy_host::Module;
use ambit_test_harness::scenario::{Engine, Envoy, Native, ScenarioFile, Wasmtime};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn files() -> Vec<(String, ScenarioFile)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, ScenarioFile::read(path).unwrap_or_else(|error| panic!("{error}")))
    };
    paths.iter().map(read).collect()
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
        let mut wasmtime =
            Wasmtime::new(&module, file).unwrap_or_else(|error| panic!("{name}: {error}"));
        envoy.choose(number);
        for ask in &file.requests {
            let token = ask.mint();
            let engines: [&mut dyn Engine; 3] = [&mut native, &mut wasmtime, &mut envoy];
            let seen: Vec<_> = engines
                .into_iter()
                .map(|engine| (engine.name(), engine.ask(ask, token.as_deref())))
                .collect();
            let what = format!("{name}: {}", ask.name);
            for (engine, observed) in &seen {
                match observed {
                    Ok(observed) => wrong.extend(
                        observed
                            .broken(&ask.expect)
                            .iter()
                            .map(|w| format!("{what}: {engine}: {w}")),
                    ),
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
    assert!(asked >= 60, "only {asked} scenarios were found");
    assert!(wrong.is_empty(), "{} of {asked} scenarios:\n{}", wrong.len(), wrong.join("\n"));
}
