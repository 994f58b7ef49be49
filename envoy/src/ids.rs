//! Ids for what is written: random once, then counted.

use ambit::enforcement::Ids;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::cell::Cell;
use std::rc::Rc;

/// Mints the ids of one engine's life. Two lives share no id: 80 bits of each are random, the
/// other 48 count.
#[derive(Debug)]
pub(crate) struct Mint {
    boot: [u8; 10],
    /// The same, as it is written.
    text: Rc<str>,
    issued: Cell<u64>,
}

impl Mint {
    /// With the host's randomness.
    ///
    /// # Errors
    /// When the host has none.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut boot = [0; 10];
        getrandom::getrandom(&mut boot)?;
        Ok(Self { boot, text: URL_SAFE_NO_PAD.encode(boot).into(), issued: Cell::new(0) })
    }

    /// The ids of the next request.
    pub(crate) fn next(&self) -> Ids {
        let number = self.issued.get().wrapping_add(1);
        self.issued.set(number);
        let [_, _, counted @ ..] = number.to_be_bytes();
        let mut record = [0; 16];
        let parts = self.boot.iter().chain(&counted);
        record.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
        Ids { record: URL_SAFE_NO_PAD.encode(record), boot: Rc::clone(&self.text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_differ_within_a_life_and_between_lives() {
        let (one, other) = (Mint::new().unwrap(), Mint::new().unwrap());
        let records: BTreeSet<String> =
            (0..600).flat_map(|_| [one.next().record, other.next().record]).collect();
        assert_eq!(records.len(), 1200);
        assert_ne!(one.next().boot, other.next().boot);
        assert_eq!(one.next().boot, one.next().boot);
    }

    #[test]
    fn a_record_id_is_its_boot_and_the_requests_number() {
        let mint = Mint::new().unwrap();
        for number in 1..=300_u64 {
            let ids = mint.next();
            let record = URL_SAFE_NO_PAD.decode(ids.record).unwrap();
            let (boot, counted) = record.split_at(10);
            assert_eq!(boot, URL_SAFE_NO_PAD.decode(&*ids.boot).unwrap());
            assert_eq!(counted, &number.to_be_bytes()[2..]);
        }
    }

    #[test]
    fn a_record_id_is_22_characters_that_need_no_quoting() {
        let record = Mint::new().unwrap().next().record;
        assert_eq!(record.len(), 22);
        assert!(record.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }
}
