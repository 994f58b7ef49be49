//! The capability lists against the module: what it imports and exports, and what its source calls.

use crate::recipe::{parsed, root, text};
use std::collections::BTreeSet;

/// No capability: Envoy always has it.
const ALLOCATE: &str = "proxy_on_memory_allocate";

/// Calls that Ambit leaves to the SDK.
const BY_SDK: [&str; 2] = ["proxy_http_call", "proxy_set_effective_context"];

type Names = BTreeSet<String>;

fn names(list: &[&str]) -> Names {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// What a configuration allows.
fn listed(configuration: &str) -> Names {
    let configuration = parsed(configuration);
    let listener = &configuration["static_resources"]["listeners"][0];
    let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
    let vm = &manager["http_filters"][0]["typed_config"]["config"]["vm_config"];
    let allowed = &vm["capability_restriction_config"]["allowed_capabilities"];
    allowed.as_object().unwrap().keys().cloned().collect()
}

/// The module's imports by the module they come from, and its exports.
fn module() -> (Vec<(String, String)>, Names) {
    let bytes = std::fs::read(root().join("dist/ambit.wasm")).unwrap();
    let module = wasmtime::Module::new(&wasmtime::Engine::default(), bytes).unwrap();
    let imports = module.imports().map(|one| (one.module().to_owned(), one.name().to_owned()));
    (imports.collect(), module.exports().map(|export| export.name().to_owned()).collect())
}

/// The host functions that the module's source declares: every call of Ambit's own is among them.
fn declared() -> Names {
    let source = std::fs::read_to_string(root().join("envoy/src/host/abi.rs")).unwrap();
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix("fn proxy_"));
    lines.filter_map(|rest| Some(format!("proxy_{}", rest.split_once('(')?.0))).collect()
}

#[test]
fn the_list_is_what_the_module_imports_and_the_callbacks_it_needs() {
    let (imports, exports) = module();
    let of = |from: &str| -> Names {
        let those = imports.iter().filter(|(module, _)| module == from);
        those.map(|(_, name)| name.clone()).collect()
    };
    let (host, wasi) = (of("env"), of("wasi_snapshot_preview1"));
    assert_eq!(imports.len(), host.len() + wasi.len(), "another kind of import: {imports:?}");
    // The SDK's traits leave imports behind that nothing calls: what is called is declared.
    let called: Names = declared().union(&names(&BY_SDK)).cloned().collect();
    assert!(called.is_subset(&host), "declared and not imported: {called:?}");
    let mut callbacks: Names =
        exports.into_iter().filter(|name| name.starts_with("proxy_on_")).collect();
    assert!(callbacks.remove(ALLOCATE));
    let wanted: Names = called.into_iter().chain(wasi).chain(callbacks).collect();
    let smallest = std::fs::read_to_string(root().join("envoy/envoy.yaml")).unwrap();
    for (file, list) in [
        ("recipes/capabilities.yaml", listed(&text("capabilities"))),
        ("envoy.yaml", listed(&smallest)),
    ] {
        let missing: Vec<&String> = wanted.difference(&list).collect();
        let needless: Vec<&String> = list.difference(&wanted).collect();
        assert!(
            missing.is_empty() && needless.is_empty(),
            "envoy/{file}: missing {missing:?}, needless {needless:?}"
        );
    }
}
