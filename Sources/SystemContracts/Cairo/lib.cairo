//! Prytany's system contracts.

mod account;
mod deployer;
mod outside_execution;
mod token;
