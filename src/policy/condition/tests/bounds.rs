//! No text makes the compiler panic, hang or overflow its stack.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Half of what a WebAssembly module commonly has.
const STACK: usize = 512 * 1024;

fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap()
}

#[test]
fn deep_and_long_texts_do_not_overflow_the_stack() {
    let texts = [
        ("(", "true", ")"),
        ("[", "1", "]"),
        ("!", "true", ""),
        ("!(", "true", ")"),
        ("-", "1", ""),
        ("", "args", ".a"),
        ("", "args", "[0]"),
        ("args[", "0", "]"),
        ("", "true", " == true"),
        ("", "true", " && true"),
        ("", "true", " || true"),
        ("true && (false || ", "true", ")"),
        ("has(", "args.a", ")"),
        ("", "args", ".f()"),
        ("args.contains(", "'a'", ")"),
        ("", "args", ".contains('a')"),
        ("args.exists(v, ", "true", ")"),
        ("", "args", ".exists(v, true)"),
        ("{", "1", "}"),
        ("a ? b : ", "c", ""),
        ("", "1", " + 1"),
        ("f(", "1", ")"),
        ("a{", "b", ":1}"),
        ("'", "a", "'"),
        ("\"", "a", ""),
        ("\\", "a", ""),
        ("`", "a", ""),
        ("\u{e9}", "a", "\u{1f600}"),
        ("true in [", "true", "]"),
    ];
    for (before, middle, after) in texts {
        for count in [1, 5, 11, 12, 13, 15, 16, 20, 23, 24, 25, 31, 32, 33, 60, 64, 65, 100, 4000] {
            let text = before.repeat(count) + middle + &after.repeat(count);
            on_a_small_stack(move || {
                for cut in [text.len(), text.len() / 2, middle.len() + before.len() * count] {
                    if let Some(text) = text.get(..cut) {
                        drop(try_compile(text));
                    }
                }
            });
        }
    }
}

#[test]
fn the_deepest_condition_that_loads_can_be_evaluated_and_dropped_on_a_small_stack() {
    let mut loaded = 0;
    for (before, after) in [("!(", ")"), ("true && (false || ", ")"), ("(true == ", ")")] {
        for depth in 1..64 {
            let text = before.repeat(depth) + "subject.admin" + &after.repeat(depth);
            loaded += on_a_small_stack(move || {
                let Ok(condition) = try_compile(&text) else {
                    return 0;
                };
                let again = condition.clone();
                let verdict = condition.evaluate(&World::default(), &mut 10_000);
                assert_eq!(verdict, again.evaluate(&World::default(), &mut 10_000));
                usize::from(!format!("{condition:?}").is_empty())
            });
        }
    }
    assert!(loaded > 60, "{loaded}");
}

#[test]
fn lengths_are_bounded_in_bytes() {
    let fits = format!("true{}", " ".repeat(4092));
    assert!(try_compile(&fits).is_ok());
    let errors = try_compile(&(fits + " ")).unwrap_err();
    assert_eq!(errors[0].to_string(), "the condition is 4097 bytes long; expected at most 4096");
}

#[test]
fn a_long_flat_condition_loads() {
    let text = vec!["subject.id=='a'"; 227].join("||");
    assert!(text.len() > 3800);
    assert!(try_compile(&text).is_ok());
    let text = format!("subject.id in [{}'x']", "'some-name',".repeat(330));
    assert!(try_compile(&text).is_ok());
}

const TOKENS: [&str; 60] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    "?",
    ":",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "=",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "&",
    "|",
    "in",
    "true",
    "false",
    "null",
    "subject",
    "resource",
    "args",
    "id",
    "has",
    "exists",
    "all",
    "map",
    "filter",
    "exists_one",
    "timestamp",
    "contains",
    "v",
    "for",
    "0",
    "1u",
    "0x",
    "1.5",
    "1e999",
    "9223372036854775808",
    "'a'",
    "b'a'",
    "r'\\'",
    "'\\u12",
    "'''",
    "\"\"\"",
    "`",
    "//",
    "\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_text_compiles_or_is_refused(text in any::<String>()) {
        drop(try_compile(&text));
    }

    #[test]
    fn any_bytes_compile_or_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        drop(try_compile(&String::from_utf8_lossy(&bytes)));
    }

    #[test]
    fn any_tokens_compile_or_are_refused(
        tokens in vec(select(TOKENS.as_slice()), 0..60), space in any::<bool>()
    ) {
        let text = tokens.join(if space { " " } else { "" });
        if let Err(errors) = try_compile(&text) {
            prop_assert!(!errors.is_empty(), "{}", text);
            for error in errors {
                prop_assert!(!error.message.is_empty(), "{}", text);
                prop_assert!(error.message.len() + error.expected.len() < 4096, "{}", error);
            }
        }
    }
}
