//! As much of DER (X.690 §10) as a host's `verify_signature` asks for: writing public keys and
//! ECDSA signatures. Nothing is ever read from DER.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const NULL: &[u8] = &[0x05, 0x00];
const SEQUENCE: u8 = 0x30;

/// 1.2.840.113549.1.1.1 (RFC 8017 §A.1)
const RSA_ENCRYPTION: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// 1.2.840.10045.2.1 (RFC 5480 §2.1.1)
const EC_PUBLIC_KEY: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// 1.2.840.10045.3.1.7 (RFC 5480 §2.1.1.1)
pub(super) const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
/// 1.3.132.0.34 (RFC 5480 §2.1.1.1)
pub(super) const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0, 34];

/// SubjectPublicKeyInfo of an RSA key (RFC 8017 §A.1.1), from big-endian modulus and exponent.
pub(super) fn rsa_public_key(n: &[u8], e: &[u8]) -> Vec<u8> {
    let algorithm = value(SEQUENCE, &[RSA_ENCRYPTION, NULL]);
    let key = value(SEQUENCE, &[&unsigned(n), &unsigned(e)]);
    public_key(&algorithm, &key)
}

/// SubjectPublicKeyInfo of a point on `curve` (RFC 5480 §2), from its SEC1 form.
pub(super) fn ec_public_key(curve: &[u8], point: &[u8]) -> Vec<u8> {
    public_key(&value(SEQUENCE, &[EC_PUBLIC_KEY, curve]), point)
}

/// An ECDSA signature (RFC 3279 §2.2.3) from its JWS form, r and s in halves (RFC 7518 §3.4).
pub(super) fn ecdsa_signature(halves: &[u8]) -> Vec<u8> {
    let (r, s) = halves.split_at(halves.len() / 2);
    value(SEQUENCE, &[&unsigned(r), &unsigned(s)])
}

fn public_key(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let no_unused_bits: &[u8] = &[0];
    value(SEQUENCE, &[algorithm, &value(BIT_STRING, &[no_unused_bits, key])])
}

fn unsigned(big_endian: &[u8]) -> Vec<u8> {
    let leading_zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    let digits = big_endian.get(leading_zeros..).unwrap_or_default();
    // A first bit of one would make it negative; zero is one zero byte.
    let sign: &[u8] = match digits.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    value(INTEGER, &[sign, digits])
}

fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = len.to_be_bytes();
    let mut der = vec![tag];
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => der.push(short),
        _ => {
            let significant = bytes.iter().skip_while(|byte| **byte == 0);
            der.push(0x80 | significant.clone().fold(0, |count, _| count + 1));
            der.extend(significant);
        }
    }
    der.extend(parts.iter().copied().flatten());
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_shortest_and_never_negative() {
        assert_eq!(unsigned(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(unsigned(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0, 0]), [2, 1, 0]);
        assert_eq!(unsigned(&[]), [2, 1, 0]);
    }

    #[test]
    fn lengths_are_short_below_128_and_long_from_there() {
        assert_eq!(value(4, &[&[7; 127]])[..2], [4, 127]);
        assert_eq!(value(4, &[&[7; 128]])[..3], [4, 0x81, 128]);
        assert_eq!(value(4, &[&[7; 300]])[..4], [4, 0x82, 1, 44]);
    }

    #[test]
    fn a_signature_is_a_sequence_of_two_integers() {
        let mut halves = [0; 64];
        halves[31] = 1;
        halves[32] = 0x80;
        let der = ecdsa_signature(&halves);
        assert_eq!(der[..5], [0x30, 38, 2, 1, 1]);
        assert_eq!(der[5..9], [2, 33, 0, 0x80]);
    }
}
