// One factor to decompose: where it lies, its padded side, and where its work area is.
struct Job { offset: u32, side: u32, work: u32, workSide: u32, values: u32, status: u32, spectrum: u32, pad: u32 }
