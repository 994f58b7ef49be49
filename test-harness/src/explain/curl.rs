//! A line of curl, as somebody copied it.

use super::asked::{Asked, header};

/// Flags that change nothing about the request, and whether a word follows.
const IGNORED: [(&str, bool); 16] = [
    ("-s", false),
    ("--silent", false),
    ("-S", false),
    ("--show-error", false),
    ("-i", false),
    ("--include", false),
    ("-v", false),
    ("--verbose", false),
    ("-k", false),
    ("--insecure", false),
    ("-L", false),
    ("--location", false),
    ("--compressed", false),
    ("-o", true),
    ("--output", true),
    ("-w", true),
];

/// Reads a whole line, `curl` first.
///
/// # Errors
/// A flag that is not known here, or no URL.
pub(super) fn read(line: &str) -> Result<Asked, String> {
    let mut words = words(line)?.into_iter().skip(1);
    let mut asked = Asked::default();
    while let Some(word) = words.next() {
        let (flag, glued) = split(&word);
        let mut value = || {
            glued
                .clone()
                .or_else(|| words.next())
                .ok_or_else(|| format!("`{flag}` of curl needs a value"))
        };
        match flag.as_str() {
            "-X" | "--request" => asked.method = Some(value()?),
            "-H" | "--header" => asked.headers.push(header(&value()?)?),
            "-d" | "--data" | "--data-raw" | "--data-binary" | "--data-ascii" => {
                let more = value()?;
                if !asked.body.is_empty() {
                    asked.body.push('&');
                }
                asked.body.push_str(&more);
            }
            "--json" => {
                asked.body.push_str(&value()?);
                asked.headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            "-I" | "--head" => asked.method = Some("HEAD".to_owned()),
            "--oauth2-bearer" => asked.token = Some(value()?),
            "--url" => asked.url = value()?,
            other if IGNORED.contains(&(other, false)) => {}
            other if IGNORED.contains(&(other, true)) => {
                value()?;
            }
            other if is_cluster(other) => {}
            other if other.starts_with('-') => {
                return Err(format!("`{other}` of curl is not understood here"));
            }
            _ if asked.url.is_empty() => asked.url = word,
            _ => return Err(format!("a second URL, `{word}`; expected one request")),
        }
    }
    if asked.url.is_empty() {
        return Err("no URL in the line of curl".to_owned());
    }
    Ok(asked)
}

/// Several of the ignored flags in one word, as `-sS`.
fn is_cluster(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|letters| {
        letters.len() > 1
            && letters
                .chars()
                .all(|letter| IGNORED.contains(&(format!("-{letter}").as_str(), false)))
    })
}

/// `-XPUT` and `--request=PUT` are a flag with its value.
fn split(word: &str) -> (String, Option<String>) {
    if let Some((flag, value)) = word.split_once('=').filter(|_| word.starts_with("--")) {
        return (flag.to_owned(), Some(value.to_owned()));
    }
    match word.split_at_checked(2) {
        Some((flag @ ("-X" | "-H" | "-d"), value)) if !value.is_empty() => {
            (flag.to_owned(), Some(value.to_owned()))
        }
        _ => (word.to_owned(), None),
    }
}

/// Words as a shell reads them: quotes, backslashes, and no expansion of anything.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
            '\\' => match letters.next() {
                Some('\n') => {}
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("a backslash ends the line".to_owned()),
            },
            '\'' | '"' => {
                let text = word.get_or_insert_default();
                loop {
                    match letters.next() {
                        None => return Err(format!("a `{letter}` that is not closed")),
                        Some(end) if end == letter => break,
                        Some('\\') if letter == '"' => match letters.next() {
                            Some(next @ ('"' | '\\' | '$' | '`')) => text.push(next),
                            Some(next) => text.extend(['\\', next]),
                            None => return Err("a backslash ends the line".to_owned()),
                        },
                        Some(inside) => text.push(inside),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_line_is_read_as_a_shell_would() {
        let asked = read(
            "curl -sS -XPUT \\\n  -H 'Content-Type: application/json' --header=\"X-A: it's\" \
             --data-raw '{\"a\":\"b c\"}' \"https://api.example.com/v1/tickets/7?x=1&y=2\" -o /dev/null",
        )
        .unwrap();
        assert_eq!(asked.method.as_deref(), Some("PUT"));
        assert_eq!(asked.url, "https://api.example.com/v1/tickets/7?x=1&y=2");
        assert_eq!(asked.headers[0].1, "application/json");
        assert_eq!(asked.headers[1], ("X-A".to_owned(), "it's".to_owned()));
        assert_eq!(asked.body, "{\"a\":\"b c\"}");
    }

    #[test]
    fn no_line_is_too_odd_to_be_read_or_refused() {
        let pieces = [
            "-X",
            "-H",
            "'",
            "\"",
            "\\",
            " ",
            "a: b",
            "--json",
            "=",
            "https://a",
            "-sS",
            "é",
            "\n",
            "-",
        ];
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut line = "curl ".to_owned();
            for _ in 0..6 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                line.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            if let Ok(asked) = read(&line) {
                assert!(!asked.url.is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, says) in [
            ("curl --proxy x https://a", "`--proxy` of curl is not understood here"),
            ("curl -X", "`-X` of curl needs a value"),
            ("curl 'https://a", "a `'` that is not closed"),
            ("curl https://a https://b", "a second URL, `https://b`; expected one request"),
            ("curl -H nothing https://a", "`nothing` is no header; expected `name: value`"),
        ] {
            assert_eq!(read(line).unwrap_err(), says);
        }
    }
}
