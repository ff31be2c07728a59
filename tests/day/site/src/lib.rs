pub use tiny::seven;
