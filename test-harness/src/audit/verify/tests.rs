use super::*;
use crate::recorded::LINE;
use proptest::prelude::*;

/// A record of one boot.
fn line(boot: u8, number: u64, time: i64) -> String {
    let boot = [boot; 10];
    let [_, _, counted @ ..] = number.to_be_bytes();
    let id: Vec<u8> = boot.into_iter().chain(counted).collect();
    LINE.replace("8rky5yKHm1hQ5AAAAAAAAg", &URL_SAFE_NO_PAD.encode(id))
        .replace("8rky5yKHm1hQ5A", &URL_SAFE_NO_PAD.encode(boot))
        .replace("1800000000000", &time.to_string())
}

fn verified(lines: &[String]) -> Verification {
    let mut verification = Verification::default();
    for (at, line) in lines.iter().enumerate() {
        let read = Read::of(line).unwrap();
        verification.record(at as u64 + 1, Some(line), &read);
    }
    verification
}

fn whole() -> Vec<String> {
    let at = |number: u64| line(7, number, 1_800_000_000_000 + number as i64 * 10);
    (1..=8).map(at).collect()
}

#[test]
fn the_documented_id_holds_its_boot_and_counts() {
    assert_eq!(number("8rky5yKHm1hQ5A", "8rky5yKHm1hQ5AAAAAAAAg"), Some(2));
    for (boot, id) in [
        ("8rky5yKHm1hQ5A", "9rky5yKHm1hQ5AAAAAAAAg"),
        ("8rky5yKHm1hQ5A", "8rky5yKHm1hQ5AAAAAAA"),
        ("8rky5yKHm1hQ5A", "8rky5yKHm1hQ5AAAAAAAAA"),
        ("", "8rky5yKHm1hQ5AAAAAAAAg"),
        ("boot-1", "record-1"),
    ] {
        assert_eq!(number(boot, id), None, "{boot} {id}");
    }
}

#[test]
fn a_whole_log_is_whole_in_whichever_order_requests_ended() {
    let mut lines = whole();
    lines.swap(1, 2);
    lines.rotate_left(3);
    let verification = verified(&lines);
    assert!(verification.is_whole(), "{}", verification.told());
    assert!(verification.told().contains("8 records, numbers 1 to 8"), "{}", verification.told());
}

#[test]
fn lost_records_are_named_by_boot_number_and_time() {
    let mut lines = whole();
    lines.drain(2..4);
    lines.remove(0);
    let verification = verified(&lines);
    let gaps: Vec<_> = verification.gaps().iter().map(|gap| (gap.from, gap.to)).collect();
    assert_eq!(gaps, [(1, 1), (3, 4)]);
    assert!(!verification.is_whole());
    assert!(verification.told().contains("lost: 3"), "{}", verification.told());
    assert!(verification.told().contains("2 numbers, 3 to 4"), "{}", verification.told());
}

#[test]
fn a_record_that_stands_twice_is_found() {
    let mut lines = whole();
    lines.push(lines[3].clone());
    assert_eq!(verified(&lines).count(Kind::Twice), 1);
}

#[test]
fn a_record_that_was_written_anew_is_found() {
    let mut lines = whole();
    lines[2] = lines[2].replacen("{\"action\"", "{ \"action\"", 1);
    lines[3] = lines[3].replacen("\"alice\"", "\"\\u0061lice\"", 1);
    lines[4] = lines[4].replacen("\"v\":1", "\"v\":1,\"w\":1", 1);
    let verification = verified(&lines);
    assert_eq!(verification.count(Kind::NotCanonical), 2);
    assert_eq!(verification.count(Kind::UnknownMember), 1);
}

#[test]
fn a_time_that_does_not_follow_is_found_whichever_came_first() {
    for order in [[0, 1, 2], [2, 1, 0], [0, 2, 1], [1, 0, 2]] {
        let three = [line(7, 1, 10_000), line(7, 2, 20_000), line(7, 3, 12_000)];
        let lines: Vec<String> = order.iter().map(|at| three[*at].clone()).collect();
        assert_eq!(verified(&lines).count(Kind::Time), 1, "{order:?}");
    }
}

#[test]
fn an_id_of_another_boot_is_found() {
    let lines = [LINE.replace("8rky5yKHm1hQ5AAAAAAAAg", "9rky5yKHm1hQ5AAAAAAAAg")];
    assert_eq!(verified(&lines).count(Kind::Id), 1);
}

proptest! {
    #[test]
    fn gaps_are_exactly_what_is_missing(present in proptest::collection::btree_set(1_u64..60, 1..40), seed in any::<u64>()) {
        let mut order: Vec<u64> = present.iter().copied().collect();
        order.sort_by_key(|number| number.wrapping_mul(seed | 1).rotate_left(17));
        let lines: Vec<String> = order.iter().map(|number| line(1, *number, *number as i64)).collect();
        let verification = verified(&lines);
        let missing: Vec<u64> =
            verification.gaps().iter().flat_map(|gap| gap.from..=gap.to).collect();
        let last = *present.iter().next_back().unwrap();
        let expected: Vec<u64> = (1..=last).filter(|number| !present.contains(number)).collect();
        prop_assert_eq!(missing, expected);
        prop_assert_eq!(verification.count(Kind::Twice), 0);
    }
}
