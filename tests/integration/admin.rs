//! The admin side from outside: who may do what, and what it does.

mod approvals;
mod connections;
mod hosts;
mod kill_switch;
