//! Public test corpora: Wycheproof, and the examples of the RFCs. What comes out is compared with
//! what each corpus says; where this library means to differ, a table says so, one reason a line.
//! A difference that no table lists fails, and so does a table's line that is no difference.

mod common;

#[path = "corpora/below.rs"]
mod below;
#[path = "corpora/rfc.rs"]
mod rfc;
#[path = "corpora/wycheproof_jose.rs"]
mod wycheproof_jose;
#[path = "corpora/wycheproof_primitives.rs"]
mod wycheproof_primitives;
