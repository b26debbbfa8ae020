mod failing;
mod flaky;
mod processes;
mod reads;
mod schedules;
mod world;
mod writes;
