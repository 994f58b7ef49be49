//! The lines of a policy that a thing takes.

/// The lines, by number, from `line` to the end of the entry that begins there: further lines belong
/// to it as long as they are indented deeper.
#[must_use]
pub fn lines(text: &str, line: u32) -> Vec<(u32, &str)> {
    let Some(skipped) = line.checked_sub(1) else { return Vec::new() };
    let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
    let mut lines = (line..).zip(text.lines().skip(skipped));
    let Some((number, first)) = lines.next() else { return Vec::new() };
    let indent = depth(first);
    let mut found = vec![(number, first)];
    for (number, next) in lines {
        if !next.trim().is_empty() && depth(next) <= indent {
            break;
        }
        found.push((number, next));
    }
    while found
        .last()
        .is_some_and(|(_, last)| last.trim().is_empty() || last.trim_start().starts_with('#'))
        && found.len() > 1
    {
        found.pop();
    }
    found
}

fn depth(line: &str) -> usize {
    line.len().saturating_sub(line.trim_start().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_ends_where_the_next_one_begins() {
        let text =
            "rules:\n  - id: a\n    when: >\n      x\n\n      && y\n  # of b\n  - { id: b }\n";
        let taken = |line| lines(text, line).iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(taken(2), [2, 3, 4, 5, 6]);
        assert_eq!(taken(8), [8]);
        assert!(taken(0).is_empty() && taken(99).is_empty());
    }
}
