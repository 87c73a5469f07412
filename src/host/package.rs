//! Files → a zip archive from which Python imports them (APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16).
//!
//! The same files give the same bytes, so that nothing but a change of the programs changes what is sent.

use std::io::{self, Write};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Version 2.0, which knows compression.
const VERSION: u16 = 20;
const DEFLATED: u16 = 8;
/// 1980-01-01, with which MS-DOS begins to count.
const DATE: u16 = 0x21;

/// Packs files, by their paths in the archive.
///
/// # Errors
///
/// One of them is larger than the format can hold, 4 GiB.
pub fn zip<'a>(files: impl Iterator<Item = (String, &'a [u8])>) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    let mut count = 0_u16;
    for (name, content) in files {
        let offset = size(archive.len())?;
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content)?;
        let packed = encoder.finish()?;
        let entry = entry(&name, content, packed.len())?;
        archive.extend(b"PK\x03\x04");
        archive.extend(&entry);
        archive.extend(name.as_bytes());
        archive.extend(packed);
        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&entry);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
        count += 1;
    }
    let offset = size(archive.len())?;
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend(count.to_le_bytes());
    archive.extend(count.to_le_bytes());
    archive.extend(size(directory.len())?.to_le_bytes());
    archive.extend(offset.to_le_bytes());
    // No comment.
    archive.extend([0; 2]);
    Ok(archive)
}

/// Gives what stands both before a file and in the directory.
fn entry(name: &str, content: &[u8], packed: usize) -> io::Result<Vec<u8>> {
    let mut crc = Crc::new();
    crc.update(content);
    let mut entry = Vec::new();
    // No flags; no time of the day.
    for field in [VERSION, 0, DEFLATED, 0, DATE] {
        entry.extend(field.to_le_bytes());
    }
    for field in [crc.sum(), size(packed)?, size(content.len())?] {
        entry.extend(field.to_le_bytes());
    }
    let name = u16::try_from(name.len()).map_err(io::Error::other)?;
    entry.extend(name.to_le_bytes());
    // No extra field.
    entry.extend([0; 2]);
    Ok(entry)
}

fn size(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::zip;

    #[test]
    fn zip_is_the_same_for_the_same_files() {
        let files = || [("a/b.py".to_owned(), b"text".as_slice())].into_iter();
        assert_eq!(zip(files()).unwrap(), zip(files()).unwrap());
    }

    #[test]
    fn zip_of_nothing_is_its_end_alone() {
        let archive = zip(std::iter::empty()).unwrap();
        assert_eq!(
            (archive.len(), &archive[..4]),
            (22, b"PK\x05\x06".as_slice())
        );
    }
}
