//! The table of docs/threat-model.md and the tests of this folder name each other.

use super::world::root;
use std::collections::BTreeSet;
use std::path::Path;

/// The names of all tests below a folder.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut marked = false;
            for line in text.lines().map(str::trim) {
                marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
                let named = line.trim_start_matches("async ").strip_prefix("fn ");
                if let (true, Some(rest)) = (marked, named) {
                    found.insert(rest.split('(').next().unwrap().to_owned());
                    marked = false;
                }
            }
        }
    }
}

/// The last column of every row that ends in test names, with its row.
fn rows() -> Vec<(String, Vec<String>)> {
    let page = std::fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let (_, table) = page.split_once("## The fault table").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what "));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let tests = cells.last().unwrap().split('`').skip(1).step_by(2);
        (row.to_owned(), tests.map(str::to_owned).collect())
    })
    .collect()
}

#[test]
fn every_row_of_the_fault_table_names_its_tests_and_every_fault_test_is_in_a_row() {
    let (mut all, mut ours) = (BTreeSet::new(), BTreeSet::new());
    tests(&root().join("test-harness/tests"), &mut all);
    tests(&root().join("test-harness/tests/faults"), &mut ours);
    let rows = rows();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    let mut named = BTreeSet::new();
    for (row, tests) in &rows {
        assert_eq!(row.matches(" | ").count(), 4, "five columns: {row}");
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(all.contains(test), "there is no test `{test}`: {row}");
            named.insert(test.clone());
        }
    }
    let table = "every_row_of_the_fault_table_names_its_tests_and_every_fault_test_is_in_a_row";
    let missing: Vec<_> = ours.difference(&named).filter(|name| name.as_str() != table).collect();
    assert!(missing.is_empty(), "not in the table: {missing:#?}");
}
