//! What an author is told.

use super::*;

#[track_caller]
fn check(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        let errors = try_compile(text).err().unwrap_or_default();
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told, *expected, "{text}");
    }
}

#[test]
fn lists_and_elements_are_told_apart() {
    check(&[(
        "subject.groups == 'a'",
        &[
            "`subject.groups == \"a\"` compares [string] with string; expected two values of one \
           type, or `\"a\" in subject.groups`",
        ],
    )]);
}
