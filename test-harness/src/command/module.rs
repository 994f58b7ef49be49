//! The shipped module: where it is, and how it is started with a policy.

use ambit_test_harness::suite::Start;
use std::path::{Path, PathBuf};

/// A module that can be asked.
pub(super) struct Started {
    /// Its file.
    pub(super) name: String,
    /// Starts it with a policy.
    pub(super) start: Box<Start<'static>>,
}

/// Where the module may stand beside a folder.
const PLACES: [&str; 2] = ["dist/ambit.wasm", "ambit.wasm"];

/// Finds and compiles the module: the one that was named, else one beside the project or above what is
/// tested.
///
/// # Errors
/// There is none, or it is no module; the sentence says how to get one and what was not run.
pub(super) fn start(
    root: &Path,
    tested: &[PathBuf],
    named: Option<&Path>,
) -> Result<Started, String> {
    let found = match named {
        Some(file) if file.is_file() => file.to_owned(),
        Some(file) => {
            return Err(format!("{}: no such file; nothing was run in the module", file.display()));
        }
        None => find(root, tested).ok_or_else(absent)?,
    };
    compiled(&found)
}

fn absent() -> String {
    "nothing was run in the module, for there is none: `make module` in Ambit's repository builds \
     dist/ambit.wasm; name it with `--module FILE`, or say `--engine native` to do without"
        .to_owned()
}

fn find(root: &Path, tested: &[PathBuf]) -> Option<PathBuf> {
    let beside =
        |folder: &Path| PLACES.iter().map(|place| folder.join(place)).find(|file| file.is_file());
    let above = |path: &PathBuf| path.canonicalize().ok()?.ancestors().skip(1).find_map(beside);
    beside(root).or_else(|| tested.iter().find_map(above))
}

#[cfg(feature = "wasm-host")]
fn compiled(file: &Path) -> Result<Started, String> {
    use ambit_test_harness::proxy_host::Module;
    use ambit_test_harness::scenario::{Engine, Wasmtime};
    let unusable = |what: String| format!("{}: {what}", file.display());
    let bytes = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let module = Module::compile(&bytes)
        .map_err(|error| unusable(format!("not a WebAssembly module: {error}")))?;
    let start = move |suite: &ambit_test_harness::scenario::ScenarioFile| {
        let engine = Wasmtime::new(&module, suite)?;
        Ok(Box::new(engine) as Box<dyn Engine>)
    };
    let name = file.strip_prefix(".").unwrap_or(file).display().to_string();
    Ok(Started { name, start: Box::new(start) })
}

#[cfg(not(feature = "wasm-host"))]
fn compiled(_: &Path) -> Result<Started, String> {
    Err("nothing was run in the module, for this build of `ambit` has no WebAssembly host: build it \
         with its default features, or say `--engine native`"
        .to_owned())
}
