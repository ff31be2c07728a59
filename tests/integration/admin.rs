//! The admin side from outside: who may do what, and what it does.

mod api;
mod approvals;
mod connections;
mod credentials;
mod described;
mod health;
mod hosts;
mod kill_switch;
mod lasting;
mod previews;
mod records;
mod removals;
mod sequences;
