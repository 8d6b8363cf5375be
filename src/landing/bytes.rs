//! A file's bytes in blocks, hashed and checked for UTF-8 as they pass.
//!
//! SHA-256 names a content and is computed once; that a second reading met the same bytes is told by a checksum, which takes a tenth of
//! the time.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

use sha2::{Digest, Sha256};
use xxhash_rust::xxh64::Xxh64;

use super::lines::LineCounter;
use crate::model::Cancel;

/// Bytes of a block at most: enough for the disk, few enough to stop within a moment.
const BLOCK: u64 = 1 << 20;
/// Blocks read ahead of the reader: bounds the memory while the hash runs beside the parser.
const AHEAD: usize = 4;

/// Of the checksum: any number.
const SEED: u64 = 0;

/// What comes out of the reading thread.
pub(super) enum Block {
    /// The next bytes; valid UTF-8 together with those before.
    Bytes(Vec<u8>),
    /// Byte offset at which the text stops to be UTF-8.
    NotUtf8(u64),
    /// The end: the checksum of all bytes, and how many they are.
    End { checksum: u64, bytes: u64 },
    /// The file could not be read on.
    Failed(std::io::Error),
}

/// Starts to read; the thread ends when the receiver is dropped or the file is at its end.
pub(super) fn blocks(path: &Path) -> std::io::Result<Receiver<Block>> {
    let mut file = File::open(path)?;
    let expected = file.metadata()?.len();
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::Builder::new().name("read".into()).spawn(move || {
        let mut checksum = Xxh64::new(SEED);
        let mut utf8 = Utf8Check::default();
        let mut total = 0_u64;
        loop {
            let mut block = block_for(expected.saturating_sub(total));
            let last = match fill(&mut file, &mut block) {
                Ok(0) => match utf8.finish() {
                    Some(offset) => Block::NotUtf8(offset),
                    None => Block::End { checksum: checksum.digest(), bytes: total },
                },
                Ok(read) => {
                    total += read;
                    checksum.update(&block);
                    match utf8.feed(&block) {
                        Some(offset) => Block::NotUtf8(offset),
                        None => Block::Bytes(block),
                    }
                }
                Err(error) => Block::Failed(error),
            };
            let more = matches!(last, Block::Bytes(_));
            if sender.send(last).is_err() || !more {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// The first bytes of a file, by which formats are told apart.
pub(super) fn start(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(8);
    File::open(path)?.take(8).read_to_end(&mut start)?;
    Ok(start)
}

/// The physical line, from 1, that the byte at an offset stands on.
pub(super) fn line_at(path: &Path, offset: u64) -> std::io::Result<u64> {
    let mut before = File::open(path)?.take(offset);
    let (mut block, mut lines) = (block_for(offset), LineCounter::default());
    while fill(&mut before, &mut block)? > 0 {
        lines.feed(&block);
    }
    Ok(1 + lines.ends())
}

/// Memory for a block of so many bytes, no more than are read at a time.
fn block_for(bytes: u64) -> Vec<u8> {
    Vec::with_capacity(bytes.min(BLOCK) as usize)
}

/// Reads the next block, all of it that there is.
fn fill(file: &mut impl Read, block: &mut Vec<u8>) -> std::io::Result<u64> {
    block.clear();
    Ok(file.take(BLOCK).read_to_end(block)? as u64)
}

/// What tells the content of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentHash {
    /// SHA-256 in lower-case hexadecimal: the same for the same content anywhere.
    pub sha256: String,
    /// XXH64: whether the file is read again as it was.
    pub checksum: u64,
}

/// The SHA-256 of a whole file, in lower-case hexadecimal; `None` when it was cancelled.
///
/// # Errors
/// The file cannot be read.
pub fn sha256_of(path: &Path, cancel: &Cancel) -> std::io::Result<Option<String>> {
    let mut hash = Sha256::new();
    let is_whole = each_block(path, cancel, |block| hash.update(block))?;
    Ok(is_whole.then(|| hex(&hash.finalize())))
}

/// What tells the content of a file that is to be read again; `None` when it was cancelled.
///
/// # Errors
/// The file cannot be read.
pub fn content_hash(path: &Path, cancel: &Cancel) -> std::io::Result<Option<ContentHash>> {
    let (mut hash, mut checksum) = (Sha256::new(), Xxh64::new(SEED));
    let is_whole = each_block(path, cancel, |block| {
        hash.update(block);
        checksum.update(block);
    })?;
    Ok(is_whole.then(|| ContentHash { sha256: hex(&hash.finalize()), checksum: checksum.digest() }))
}

/// Hands out the bytes of a file; `false` when it was cancelled.
fn each_block(path: &Path, cancel: &Cancel, mut take: impl FnMut(&[u8])) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut block = block_for(file.metadata()?.len());
    loop {
        if cancel.is_cancelled() {
            return Ok(false);
        }
        match fill(&mut file, &mut block)? {
            0 => return Ok(true),
            _ => take(&block),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// UTF-8 validation over block borders: at most three bytes of a character wait for the next block.
#[derive(Default)]
struct Utf8Check {
    pending: Vec<u8>,
    seen: u64,
}

impl Utf8Check {
    /// The offset of the first bad byte, if these bytes bring one.
    fn feed(&mut self, mut block: &[u8]) -> Option<u64> {
        while !self.pending.is_empty() && !block.is_empty() {
            self.pending.push(block[0]);
            block = &block[1..];
            match std::str::from_utf8(&self.pending) {
                Ok(_) => {
                    self.seen += self.pending.len() as u64;
                    self.pending.clear();
                }
                Err(error) if error.error_len().is_some() => return Some(self.seen),
                Err(_) => {}
            }
        }
        match std::str::from_utf8(block) {
            Ok(_) => self.seen += block.len() as u64,
            Err(error) => {
                self.seen += error.valid_up_to() as u64;
                if error.error_len().is_some() {
                    return Some(self.seen);
                }
                self.pending = block[error.valid_up_to()..].to_vec();
            }
        }
        None
    }

    fn finish(&self) -> Option<u64> {
        (!self.pending.is_empty()).then_some(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first_bad(bytes: &[u8], cut: usize) -> Option<u64> {
        let mut check = Utf8Check::default();
        let (a, b) = bytes.split_at(cut.min(bytes.len()));
        check.feed(a).or_else(|| check.feed(b)).or_else(|| check.finish())
    }

    proptest! {
        #[test]
        fn utf8_check_over_any_border_agrees_with_the_whole(bytes in proptest::collection::vec(any::<u8>(), 0..40), cut in 0_usize..40) {
            let whole = std::str::from_utf8(&bytes).err().map(|error| error.valid_up_to() as u64);
            prop_assert_eq!(first_bad(&bytes, cut), whole);
        }

        #[test]
        fn utf8_check_takes_every_text(text in "\\PC{0,20}", cut in 0_usize..60) {
            prop_assert_eq!(first_bad(text.as_bytes(), cut), None);
        }
    }

    #[test]
    fn hash_agrees_with_the_known_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_of(&path, &Cancel::default()).unwrap().as_deref(), Some(expected));
        let content = content_hash(&path, &Cancel::default()).unwrap().unwrap();
        // XXH64 of "abc" with seed 0, by the reference implementation (`xxhsum`).
        assert_eq!((content.sha256.as_str(), content.checksum), (expected, 0x44bc_2cf5_ad77_0999));
    }
}
