//! How deep a packed tree is, found out on a bounded stack before it is unpacked.

/// Is something in the packed message `bytes` nested deeper than `levels`? Where texts look like
/// messages, it may seem so; where something is, it never seems otherwise.
pub(crate) fn exceeds(bytes: &[u8], levels: usize) -> bool {
    visit(bytes, levels) == Visited::TooDeep
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visited {
    Message,
    NoMessage,
    TooDeep,
}

fn visit(mut bytes: &[u8], levels: usize) -> Visited {
    let Some(below) = levels.checked_sub(1) else {
        return Visited::TooDeep;
    };
    while !bytes.is_empty() {
        match field(&mut bytes) {
            Some(Some(part)) => {
                if visit(part, below) == Visited::TooDeep {
                    return Visited::TooDeep;
                }
            }
            Some(None) => {}
            None => return Visited::NoMessage,
        }
    }
    Visited::Message
}

/// Takes one field off the front: its bytes if it is of the kind that may be a message. `None` if
/// there is no field.
fn field<'a>(bytes: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let key = varint(bytes)?;
    if key >> 3 == 0 {
        return None;
    }
    let skip = match key & 7 {
        0 => {
            varint(bytes)?;
            return Some(None);
        }
        1 => 8,
        5 => 4,
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            let (part, rest) = bytes.split_at_checked(length)?;
            *bytes = rest;
            return Some(Some(part));
        }
        _ => return None,
    };
    *bytes = bytes.get(skip..)?;
    Some(None)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::exceeds;

    /// A message in a message, so many times.
    fn nested(times: usize) -> Vec<u8> {
        let mut bytes = vec![0x08, 1];
        for _ in 0..times {
            let mut outer = vec![0x0a];
            let mut length = bytes.len();
            while length >= 0x80 {
                outer.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(bytes);
            bytes = outer;
        }
        bytes
    }

    #[test]
    fn levels_are_counted() {
        for times in [0, 1, 5, 300] {
            let bytes = nested(times);
            assert!(!exceeds(&bytes, times + 1));
            assert!(exceeds(&bytes, times));
        }
        assert!(exceeds(&nested(20_000), 400));
    }

    #[test]
    fn what_is_no_message_is_no_level() {
        assert!(!exceeds(b"\x0a\x03abc", 2));
        assert!(!exceeds(b"\x0a\xff", 2));
        assert!(!exceeds(b"", 1));
    }
}
