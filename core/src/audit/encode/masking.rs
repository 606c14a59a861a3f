//! What an OUTCOME says of columns: at its end, and only where it says something.

use super::{DecodeError, Decoder, Encoder};
use crate::audit::masking::{How, MaskedCells, Masking, RuledOutput};

pub(super) fn encode(to: &mut Encoder<'_>, masking: &Masking) {
    to.u8(u8::from(masking.is_cut));
    to.length(masking.cells.len());
    for cells in &masking.cells {
        for text in [&cells.column, &cells.kind, &cells.masker] {
            to.str(text);
        }
        to.u64(cells.cells);
    }
    to.length(masking.outputs.len());
    for output in &masking.outputs {
        to.u32(output.output);
        let code = How::ALL.iter().position(|known| *known == output.how);
        to.u8(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(0));
        to.length(output.columns.len());
        for column in &output.columns {
            to.str(column);
        }
    }
}

pub(super) fn decode(from: &mut Decoder<'_>) -> Result<Option<Box<Masking>>, DecodeError> {
    if from.rest.is_empty() {
        return Ok(None);
    }
    let masking = Masking {
        is_cut: from.flag("is_cut")?,
        cells: from.list(|from| {
            Ok(MaskedCells {
                column: from.string()?,
                kind: from.string()?,
                masker: from.string()?,
                cells: from.u64()?,
            })
        })?,
        outputs: from.list(|from| {
            Ok(RuledOutput {
                output: from.rest.u32()?,
                how: {
                    let how = How::ALL.get(usize::from(from.u8()?)).copied();
                    how.ok_or(DecodeError::Invalid("how"))?
                },
                columns: from.list(Decoder::string)?,
            })
        })?,
    };
    match masking.is_empty() {
        true => Err(DecodeError::Invalid("masking")),
        false => Ok(Some(Box::new(masking))),
    }
}
