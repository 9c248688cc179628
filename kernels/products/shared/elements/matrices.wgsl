// The extensions that gemmMatrices.wgsl needs. `enable` must come before everything else.
enable f16;
enable subgroups;
enable chromium_experimental_subgroup_matrix;
