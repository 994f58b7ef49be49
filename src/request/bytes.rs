//! Sets of bytes, for grammars that are checked on every request.

/// A set of bytes, asked with one look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// ASCII letters and digits, and `others`.
    pub(crate) const fn alphanumeric_and(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut rest: &mut [bool] = &mut set;
        let mut byte = 0_u8;
        while let Some((member, tail)) = rest.split_first_mut() {
            *member = byte.is_ascii_alphanumeric() || is_one_of(byte, others);
            byte = byte.wrapping_add(1);
            rest = tail;
        }
        Self(set)
    }

    /// Printable ASCII, the space with it, without `others`.
    pub(crate) const fn printable_but(others: &[u8]) -> Self {
        let mut set = [false; 256];
        let mut rest: &mut [bool] = &mut set;
        let mut byte = 0_u8;
        while let Some((member, tail)) = rest.split_first_mut() {
            *member = matches!(byte, b' '..=b'~') && !is_one_of(byte, others);
            byte = byte.wrapping_add(1);
            rest = tail;
        }
        Self(set)
    }

    /// Whether every byte is in the set.
    pub(crate) fn has_all(&self, bytes: &[u8]) -> bool {
        // A plain loop: an adapter becomes a call for each byte where size matters more than speed.
        for byte in bytes {
            if self.0.get(usize::from(*byte)) != Some(&true) {
                return false;
            }
        }
        true
    }
}

const fn is_one_of(byte: u8, mut bytes: &[u8]) -> bool {
    while let Some((first, rest)) = bytes.split_first() {
        if *first == byte {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        const SET: ByteSet = ByteSet::alphanumeric_and(b"-.\xff");
        for byte in 0..=u8::MAX {
            let wanted = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | 0xff);
            assert_eq!(SET.has_all(&[b'a', byte]), wanted, "{byte}");
        }
        assert!(SET.has_all(b""));
    }

    #[test]
    fn what_is_printable_has_a_space_and_no_control() {
        const SET: ByteSet = ByteSet::printable_but(b"\"");
        for byte in 0..=u8::MAX {
            let wanted = (byte.is_ascii_graphic() || byte == b' ') && byte != b'"';
            assert_eq!(SET.has_all(&[byte]), wanted, "{byte}");
        }
    }
}
