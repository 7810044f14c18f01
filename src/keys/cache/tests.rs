//! The tables of what must be, and random schedules.

mod schedules;
mod tables;
