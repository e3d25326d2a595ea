//! The wire format itself.

use std::io::Cursor;

use super::super::OnnxError;
use super::super::wire::*;

static INNER: MessageKind = MessageKind {
    name: "Inner",
    single: &[1],
    repeated: &[2],
};
static OUTER: MessageKind = MessageKind {
    name: "Outer",
    single: &[1, 3],
    repeated: &[2],
};

fn reader(bytes: &[u8]) -> WireReader<Cursor<Vec<u8>>> {
    WireReader::new(Cursor::new(bytes.to_vec()), bytes.len() as u64, &OUTER)
}

#[test]
fn walks_nested_messages_to_their_ends() {
    let mut reader = reader(&[0x08, 0x96, 0x01, 0x12, 0x02, 0x08, 0x05, 0x12, 0x00]);
    let field = reader.next_field().unwrap().unwrap();
    assert_eq!(reader.varint(field).unwrap(), 150);
    let field = reader.next_field().unwrap().unwrap();
    reader.enter(field, &INNER).unwrap();
    let field = reader.next_field().unwrap().unwrap();
    assert_eq!((field.number, reader.int64(field).unwrap()), (1, 5));
    assert!(reader.next_field().unwrap().is_none());
    let field = reader.next_field().unwrap().unwrap();
    reader.enter(field, &INNER).unwrap();
    assert!(reader.next_field().unwrap().is_none());
    assert!(reader.next_field().unwrap().is_none());
    reader.finish().unwrap();
}

#[test]
fn refuses_bad_tags_and_numbers() {
    for (bytes, what) in [
        (&[0x00_u8][..], "field number 0"),
        (&[0x0b], "group"),
        (&[0x20, 0x01], "unknown field"),
        (&[0x08, 0x01, 0x08, 0x02], "repeated single field"),
        (
            &[
                0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
            ],
            "65 bits",
        ),
        (&[0x08, 0x80], "varint past the end"),
        (
            &[
                0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            "length 2^64-1",
        ),
    ] {
        let mut reader = reader(bytes);
        let mut walk = || -> Result<(), OnnxError> {
            while let Some(field) = reader.next_field()? {
                reader.skip(field)?;
            }
            Ok(())
        };
        assert!(walk().is_err(), "{what} was accepted");
    }
}

#[test]
fn a_length_may_not_leave_its_message() {
    // Inner claims five bytes in field 2 but has two; the file itself has enough.
    let mut reader = reader(&[0x12, 0x02, 0x12, 0x05, 0x18, 0x01, 0x18, 0x01, 0x18]);
    let field = reader.next_field().unwrap().unwrap();
    reader.enter(field, &INNER).unwrap();
    let field = reader.next_field().unwrap().unwrap();
    assert!(matches!(
        reader.skip(field),
        Err(OnnxError::Malformed {
            message: "Inner",
            ..
        })
    ));
}

#[test]
fn a_seek_past_the_end_is_noticed() {
    let bytes = vec![0x12, 0x40, 0x00];
    let mut reader = WireReader::new(Cursor::new(bytes), 66, &OUTER);
    let field = reader.next_field().unwrap().unwrap();
    reader.skip(field).unwrap();
    assert!(reader.next_field().unwrap().is_none());
    assert!(matches!(reader.finish(), Err(OnnxError::Truncated { .. })));
}

#[test]
fn packed_and_unpacked_lists_read_alike() {
    let mut sum = 0;
    let mut packed = reader(&[0x12, 0x03, 0x01, 0x96, 0x01]);
    let field = packed.next_field().unwrap().unwrap();
    assert_eq!(packed.varints(field, |value| sum += value).unwrap(), 2);
    let mut single = reader(&[0x10, 0x01]);
    let field = single.next_field().unwrap().unwrap();
    assert_eq!(single.varints(field, |value| sum += value).unwrap(), 1);
    assert_eq!(sum, 152);
}
