//! Which policies a table is made of.

use crate::suite;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

/// The policies under `paths`: a file stands for itself, a folder for every `policy.yaml` in it and in
/// the folders it holds, and for what its suites test.
///
/// # Errors
/// A path is not there, or a folder cannot be read.
pub fn policies(paths: &[PathBuf]) -> io::Result<Vec<PathBuf>> {
    let (files, folders): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| path.is_file());
    let found = suite::suites(&folders)?;
    let tested = found.files.iter().filter_map(|suite| {
        let name = suite.file_name()?.to_string_lossy().into_owned();
        let policy = suite.with_file_name(format!("{}.yaml", name.strip_suffix("_test.yaml")?));
        policy.is_file().then_some(policy)
    });
    let all: BTreeSet<PathBuf> = files.into_iter().chain(tested).chain(found.untested).collect();
    Ok(all.into_iter().collect())
}
