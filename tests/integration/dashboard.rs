//! The dashboard as browsers see it: who gets in, what each role may do, and that no text of an agent becomes markup.

mod builder;
mod flows;
mod hostile;
mod live;
mod roles;
mod screens;
mod session;
