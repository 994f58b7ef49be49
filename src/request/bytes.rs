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

    /// The longest beginning whose bytes are all in the set.
    pub(crate) fn prefix_of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let mut size = 0;
        for byte in bytes {
            if self.0.get(usize::from(*byte)) != Some(&true) {
                break;
            }
            size += 1;
        }
        bytes.get(..size).unwrap_or_default()
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

/// Classes of bytes, for what is asked of a whole text at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteClasses([u8; 256]);

impl ByteClasses {
    /// Upper-case letters, `_`, and all that RFC 9110 §5.6.2 does not allow in a token.
    pub(crate) const fn of_names(upper: u8, underscore: u8, other: u8) -> Self {
        let mut classes = [0; 256];
        let mut rest: &mut [u8] = &mut classes;
        let mut byte = 0_u8;
        while let Some((class, tail)) = rest.split_first_mut() {
            *class = match byte {
                b'A'..=b'Z' => upper,
                b'_' => underscore,
                b'a'..=b'z' | b'0'..=b'9' => 0,
                _ if is_one_of(byte, b"!#$%&'*+-.^`|~") => 0,
                _ => other,
            };
            byte = byte.wrapping_add(1);
            rest = tail;
        }
        Self(classes)
    }

    /// The classes of all bytes together.
    pub(crate) fn of(&self, bytes: &[u8]) -> u8 {
        let mut classes = 0;
        for byte in bytes {
            classes |= self.0.get(usize::from(*byte)).copied().unwrap_or(u8::MAX);
        }
        classes
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
    fn the_classes_of_a_text_are_those_of_its_bytes() {
        const CLASSES: ByteClasses = ByteClasses::of_names(1, 2, 4);
        assert_eq!(CLASSES.of(b""), 0);
        for byte in 0..=u8::MAX {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let wanted = u8::from(byte.is_ascii_uppercase())
                | u8::from(byte == b'_') << 1
                | u8::from(!token) << 2;
            assert_eq!(CLASSES.of(&[b'a', byte, b'b']), wanted, "{byte}");
        }
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
