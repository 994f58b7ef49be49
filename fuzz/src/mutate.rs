//! Inputs from inputs.

/// A seeded generator (xorshift): the same seed finds the same.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// The longest input that is made.
pub const MOST: usize = 4096;

impl Random {
    /// From a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15 | 1)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = (self.next() >> 11) as usize;
        wide.checked_rem(end).unwrap_or_default()
    }

    /// One of these.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(of.len()))
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// A variation of `parent`, with pieces of `other` and of the grammar.
#[must_use]
pub fn mutate(random: &mut Random, parent: &[u8], other: &[u8], tokens: &[&str]) -> Vec<u8> {
    let mut bytes = parent.to_vec();
    for _ in 0..=random.below(5) {
        once(random, &mut bytes, other, tokens);
    }
    bytes.truncate(MOST);
    bytes
}

fn once(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], tokens: &[&str]) {
    let at = random.below(bytes.len() + 1);
    let length = random.below(1 + bytes.len().saturating_sub(at).min(24));
    let end = at + length;
    match random.below(11) {
        0 => {
            let bit = 1 << random.below(8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bit;
            }
        }
        1 => {
            let value = random.next() as u8;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        2 => bytes.insert(at, random.next() as u8),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece: Vec<u8> = bytes.drain(at..end).collect();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        5 => {
            let piece = bytes.get(at..end).unwrap_or_default().to_vec();
            for _ in 0..=random.below(3) {
                bytes.splice(at..at, piece.iter().copied());
            }
        }
        6 => splice(random, bytes, other, at, end),
        // Structured formats change most by their own words.
        7 | 8 => {
            let token = random.one(tokens).copied().unwrap_or_default();
            bytes.splice(at..at, token.bytes());
        }
        9 => {
            let token = random.one(tokens).copied().unwrap_or_default();
            bytes.splice(at..end, token.bytes());
        }
        _ => number(random, bytes, at),
    }
}

/// A piece of the other input instead of one of this.
fn splice(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8], at: usize, end: usize) {
    let from = random.below(other.len() + 1);
    let to = from + random.below(1 + other.len().saturating_sub(from).min(64));
    let piece = other.get(from..to).unwrap_or_default();
    bytes.splice(at..end, piece.iter().copied());
}

/// Another number where digits stand.
fn number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    const NUMBERS: [&str; 12] = [
        "0",
        "-1",
        "1e400",
        "-0",
        "4294967296",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "0.1",
        "1e-7",
        "253402300800",
        "65536",
    ];
    let Some(from) = bytes.iter().skip(at).position(u8::is_ascii_digit).map(|found| found + at)
    else {
        return;
    };
    let length = bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let number = random.one(&NUMBERS).copied().unwrap_or_default();
    bytes.splice(from..from + length, number.bytes());
}

/// The smallest input that still fails, as far as leaving pieces out gets.
pub fn minimise(bytes: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut least = bytes.to_vec();
    let mut size = least.len().next_power_of_two();
    while size > 0 {
        let mut at = 0;
        while at < least.len() {
            let mut fewer = least.clone();
            fewer.drain(at..(at + size).min(least.len()));
            if fails(&fewer) {
                least = fewer;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_makes_one_run_of_inputs() {
        let run = |seed| {
            let mut random = Random::new(seed);
            (0..50)
                .map(|_| mutate(&mut random, b"{\"a\":1}", b"[2]", &["null"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn what_is_left_out_is_what_does_not_matter() {
        let least = minimise(b"aaXbbbbYcc", |bytes| bytes.contains(&b'X') && bytes.contains(&b'Y'));
        assert_eq!(least, b"XY");
    }
}
