//! Bodies of fuzz targets, and the harness that tests share.

use super::*;
use crate::catalog::Catalog;
use crate::cell::{Scratch, Tally};
use crate::inspect::Nothing;
use crate::policy::Policy;

/// Judges `body` as frames of a COPY in the format and with the number of columns that the
/// first two bytes choose: whatever it is, there is an answer.
pub fn fuzz_copy_out(bytes: &[u8]) {
    let Some((&[format, columns], body)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let options = [
        Some(CopyOptions::new(CopyFormat::Text)),
        Some(CopyOptions::new(CopyFormat::Csv)),
        Some(CopyOptions {
            escape: b'\\',
            quote: b'\'',
            header: true,
            ..CopyOptions::new(CopyFormat::Csv)
        }),
        None,
    ];
    let options = options.get(usize::from(format % 4)).cloned().flatten();
    let plan = ColumnPlan::whole_by_default(&b"c"[..], 25);
    let new = || {
        let plans = vec![plan.clone(); usize::from(columns % 4)];
        CopyOut::new(options.clone(), format & 4 > 0, plans)
    };
    let (policy, catalog) = (Policy::exempt(), Catalog::default());
    let (mut tally, mut scratch) = (Tally::default(), Scratch::default());
    let mut judge = Judge {
        policy: &policy,
        catalog: &catalog,
        inspector: &Nothing,
        known: &[],
        key: None,
        row: Default::default(),
        tally: &mut tally,
        scratch: &mut scratch,
    };
    let mut window = Window::default();
    let mut frame = Vec::new();
    super::super::frame::write(&mut frame, b'd', |out| out.extend_from_slice(body));
    window.extend(&frame);
    let whole = new().frame(&mut judge, &mut window, frame.len());
    assert_eq!(window.released().is_empty(), whole.is_err());

    let mut stream = new();
    let mut window = Window::default();
    stream.stream_begin(body.len());
    let mut wanted = 0;
    for (index, byte) in body.iter().enumerate() {
        window.extend(&[*byte]);
        if window.unjudged().len() < wanted {
            continue;
        }
        match stream.stream_feed(&mut judge, &mut window) {
            Ok(StreamStep::NeedBytes(bytes)) => {
                assert!(window.unjudged().len() < bytes);
                wanted = bytes;
            }
            Ok(StreamStep::Done { .. }) => assert_eq!(index + 1, body.len()),
            Err(_) => return,
        }
    }
}
