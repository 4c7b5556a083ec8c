//! From any encoding to UTF-8, piece by piece.

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// A name that no encoding has, or a feed that says nothing of its own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadEncoding {
    /// No such label.
    #[error("there is no encoding of this name: utf-8, windows-1252, iso-8859-15 and utf-16le are some")]
    Unknown,
    /// Every other byte is zero.
    #[error("this looks like UTF-16 without a byte order mark: say whether it is utf-16le or utf-16be")]
    Utf16,
}

/// The encoding of a label (`latin1`, `utf-16le`).
pub(super) fn named(label: &str) -> Result<&'static Encoding, BadEncoding> {
    Encoding::for_label(label.trim().as_bytes()).ok_or(BadEncoding::Unknown)
}

/// What the first bytes say: the encoding, and how many bytes its mark has. Without a mark it is as `said`, else UTF-8
/// if `sample` is that, else Windows-1252. `whole` says that nothing follows the sample.
pub(super) fn detect(
    sample: &[u8],
    whole: bool,
    said: Option<&'static Encoding>,
) -> Result<(&'static Encoding, usize), BadEncoding> {
    if let Some(marked) = Encoding::for_bom(sample) {
        return Ok(marked);
    }
    if let Some(said) = said {
        return Ok((said, 0));
    }
    let zeros = memchr::memchr_iter(0, sample).count();
    if zeros * 4 >= sample.len().max(1) {
        return Err(BadEncoding::Utf16);
    }
    Ok((if is_utf_8(sample, whole) { UTF_8 } else { WINDOWS_1252 }, 0))
}

/// Whether bytes are UTF-8, but for a character that the end of the sample cut.
fn is_utf_8(sample: &[u8], whole: bool) -> bool {
    match std::str::from_utf8(sample) {
        Ok(_) => true,
        Err(error) => !whole && error.error_len().is_none(),
    }
}

/// Turns bytes into UTF-8. UTF-8 itself passes as it is, so that its faults are found in the line they stand in; in
/// others what cannot be decoded becomes U+FFFD, which no line may contain.
pub(super) struct Transcoder(Option<Decoder>);

impl Transcoder {
    pub(super) fn new(encoding: &'static Encoding) -> Self {
        Self((encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling()))
    }

    /// Appends the text of these bytes; `last` if no more follow.
    pub(super) fn decode(&mut self, mut bytes: &[u8], last: bool, text: &mut Vec<u8>) {
        let Some(decoder) = &mut self.0 else {
            text.extend_from_slice(bytes);
            return;
        };
        loop {
            let from = text.len();
            let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len()).max(16);
            text.resize(from + room, 0);
            let (result, read, written, _) = decoder.decode_to_utf8(bytes, &mut text[from..], last);
            text.truncate(from + written);
            bytes = &bytes[read..];
            if result == encoding_rs::CoderResult::InputEmpty {
                return;
            }
        }
    }
}

/// The name of an encoding as people know it.
pub(super) fn name(encoding: &'static Encoding) -> &'static str {
    match encoding {
        utf_16 if utf_16 == UTF_16LE || utf_16 == UTF_16BE => "UTF-16",
        other => other.name(),
    }
}
