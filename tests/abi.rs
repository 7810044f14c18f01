//! The C ABI, through the exported functions: what the header promises, under hostile calls.

mod common;

#[path = "abi/bounds.rs"]
mod bounds;
#[path = "abi/calls.rs"]
mod calls;
#[path = "abi/claims.rs"]
mod claims;
#[path = "abi/environment.rs"]
mod environment;
#[path = "abi/freeze.rs"]
mod freeze;
#[path = "abi/inputs.rs"]
mod inputs;
#[path = "abi/load.rs"]
mod load;
#[path = "abi/random.rs"]
mod random;
#[path = "abi/record.rs"]
mod record;
#[path = "abi/sentences.rs"]
mod sentences;
