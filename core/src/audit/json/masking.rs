//! What an OUTCOME says of columns.

use super::Object;
use crate::audit::masking::Masking;

pub(super) fn write(object: &mut Object, masking: &Masking) {
    let cells = masking.cells.iter().map(|cells| {
        let mut object = Object::new();
        object.text("column", &cells.column);
        object.text("type", &cells.kind);
        object.text("masker", &cells.masker);
        object.raw("cells", &cells.cells.to_string());
        object.finish()
    });
    let cells: Vec<_> = cells.collect();
    object.raw("masked_columns", &format!("[{}]", cells.join(",")));
    let outputs = masking.outputs.iter().map(|output| {
        let mut object = Object::new();
        object.raw("output", &output.output.to_string());
        object.text("how", output.how.as_str());
        object.texts("columns", &output.columns);
        object.finish()
    });
    let outputs: Vec<_> = outputs.collect();
    object.raw("lineage", &format!("[{}]", outputs.join(",")));
    object.raw("is_cut", &masking.is_cut.to_string());
}
