//! Fixtures that suites share: `testdata/subjects.yaml`, `actors.yaml`, `resources.yaml` and
//! `targets.yaml`, in the suite's folder or in the one above it. Of one name the nearest counts.

use crate::scenario::{ScenarioFile, typed};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;

/// Adds what the suite at `path` shares with others to what it says itself.
pub(crate) fn share(path: &Path, file: &mut ScenarioFile) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new(""));
    for shared in [folder.join("testdata"), folder.join("..").join("testdata")] {
        add(&shared.join("subjects.yaml"), &mut file.subjects)?;
        add(&shared.join("actors.yaml"), &mut file.actors)?;
        add(&shared.join("resources.yaml"), &mut file.resources)?;
        add(&shared.join("targets.yaml"), &mut file.targets)?;
    }
    Ok(())
}

fn add<T: DeserializeOwned>(path: &Path, own: &mut BTreeMap<String, T>) -> Result<(), String> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(format!("{name}: {error}")),
    };
    let shared: BTreeMap<String, T> = typed(&name, &text)?;
    for (key, value) in shared {
        own.entry(key).or_insert(value);
    }
    Ok(())
}
