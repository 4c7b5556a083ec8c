//! Hash slots: which of the 16,384 a key belongs to.

/// How many hash slots a cluster has.
pub(super) const SLOTS: u16 = 16_384;

/// A hash slot's worth of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::store::redis) struct Place(pub(super) u16);

impl Place {
    /// The slot of a key: CRC16 of what stands between its first `{` and the next `}`, or of all of it.
    pub(in crate::store::redis) fn of(key: &[u8]) -> Self {
        Self(crc16(tag(key)) % SLOTS)
    }
}

fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let inner = &key[open + 1..];
    match inner.iter().position(|&byte| byte == b'}') {
        Some(length) if length > 0 => &inner[..length],
        _ => key,
    }
}

/// CRC16 as the cluster specification has it: polynomial 0x1021, nothing reflected, initially zero (XMODEM).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)])
}

const TABLE: [u16; 256] = {
    let mut table = [0; 256];
    let mut index: u16 = 0;
    while index < 256 {
        let mut crc = index << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_value() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn only_the_tag_counts() {
        assert_eq!(Place::of(b"{v7}:s:abc"), Place::of(b"v7"));
        assert_eq!(Place::of(b"{v7}"), Place::of(b"x{v7}y{z}"));
        assert_eq!(Place::of(b"foo{}{bar}"), Place(crc16(b"foo{}{bar}") % SLOTS));
        assert_eq!(Place::of(b"foo{{bar}}zap"), Place::of(b"{bar"));
        assert_eq!(Place::of(b"foo").0, 12182);
    }
}
