//! Which files are suites.

use std::io;
use std::path::{Path, PathBuf};

/// Folders in which nobody keeps policies.
const NOT_LOOKED_INTO: [&str; 3] = ["target", "node_modules", "testdata"];
/// How deep folders are looked into.
const DEPTH: usize = 16;

/// What was found under some paths.
#[derive(Clone, Debug, Default)]
pub struct Suites {
    /// Files that are called `…_test.yaml`, sorted, and whatever was named itself.
    pub files: Vec<PathBuf>,
    /// Policies (`policy.yaml`) that no suite stands beside.
    pub untested: Vec<PathBuf>,
}

/// The suites under `paths`: a file stands for itself, a folder for every `…_test.yaml` in it and in
/// the folders it holds, hidden ones aside.
///
/// # Errors
/// A path is not there, or a folder cannot be read.
pub fn suites(paths: &[PathBuf]) -> io::Result<Suites> {
    let mut found = Suites::default();
    for path in paths {
        if path.is_dir() {
            look_into(path, DEPTH, &mut found)?;
        } else if path.is_file() {
            found.files.push(path.clone());
        } else {
            let text = format!("{}: no such file or folder", path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, text));
        }
    }
    for list in [&mut found.files, &mut found.untested] {
        for path in list.iter_mut() {
            if let Ok(short) = path.strip_prefix(".") {
                *path = short.to_owned();
            }
        }
        list.sort();
        list.dedup();
    }
    Ok(found)
}

fn look_into(folder: &Path, depth: usize, found: &mut Suites) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    let mut has_suite = false;
    let mut policy = None;
    for entry in std::fs::read_dir(folder).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || NOT_LOOKED_INTO.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                look_into(&path, depth.saturating_sub(1), found)?;
            }
        } else if name.ends_with("_test.yaml") {
            has_suite = true;
            found.files.push(path);
        } else if name == "policy.yaml" {
            policy = Some(path);
        }
    }
    found.untested.extend(policy.filter(|_| !has_suite));
    Ok(())
}
