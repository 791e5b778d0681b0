pragma circom 2.1.6;

include "poseidon-constants.circom";

// Poseidon over the scalar field of BN254, circomlib's parameters: the first element of the permuted state (0, in...).
// Source: ePrint 2019/458, section 4.1. The layers between two S-boxes are linear and stay symbolic: 3 constraints an S-box, no rows.
// What it does not check: that `in` is what the caller means; whoever hashes integers must have bounded them.
// Cost: 3 * (8 * (inputs + 1) + partial) - 3 constraints (the first S-box of the capacity element is a constant).
template Poseidon(inputs, partial) {
    var t = inputs + 1;
    var rounds = 8 + partial;
    var C[rounds][t] = POSEIDON_CONSTANTS(t);
    var M[t][t] = POSEIDON_MATRIX(t);

    signal input in[inputs];
    signal output out;
    signal square[rounds][t];
    signal fourth[rounds][t];
    signal fifth[rounds][t];

    var state[t];
    state[0] = 0;
    for (var i = 0; i < inputs; i++) { state[i + 1] = in[i]; }

    for (var r = 0; r < rounds; r++) {
        var boxed[t];
        for (var i = 0; i < t; i++) {
            var x = state[i] + C[r][i];
            var inner = r >= 4 && r < 4 + partial;
            if (r == 0 && i == 0) {
                boxed[i] = x * x * x * x * x;
            } else {
                if (inner && i > 0) {
                    boxed[i] = x;
                } else {
                    square[r][i] <== x * x;
                    fourth[r][i] <== square[r][i] * square[r][i];
                    fifth[r][i] <== fourth[r][i] * x;
                    boxed[i] = fifth[r][i];
                }
            }
        }
        for (var i = 0; i < t; i++) {
            var sum = 0;
            for (var j = 0; j < t; j++) { sum += M[i][j] * boxed[j]; }
            state[i] = sum;
        }
    }
    out <== state[0];
}
