// What gemmMatrices.wgsl asks of the device. First of all: `enable` stands before everything else.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
