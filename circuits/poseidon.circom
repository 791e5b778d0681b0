pragma circom 2.1.6;

include "poseidon-constants.circom";

// Poseidon over the scalar field of BN254, circomlib's parameters: the first element of the permuted state (0, in...).
// Source: ePrint 2019/458, section 4.1; the matrices of partial rounds in sparse form (appendix B), which the compiler works on faster.
// The layers between two S-boxes are linear and stay symbolic: 3 constraints an S-box, no rows.
// What it does not check: that `in` is what the caller means; whoever hashes integers must have bounded them.
// Cost: 3 * (8 * (inputs + 1) + partial) - 3 constraints (the first S-box of the capacity element is a constant), a row for `out`.
template Poseidon(inputs, partial) {
    var t = inputs + 1;
    var C[8][t] = POSEIDON_CONSTANTS(t);
    var M[t][t] = POSEIDON_MATRIX(t);
    var K[1][partial] = POSEIDON_PARTIAL(t);
    var V[partial][t] = POSEIDON_ROWS(t);
    var W[partial][t] = POSEIDON_COLUMNS(t);
    var D[1][t] = POSEIDON_SHIFT(t);
    var P[t][t] = POSEIDON_DENSE(t);

    signal input in[inputs];
    signal output out;
    signal square[8][t];
    signal fourth[8][t];
    signal fifth[8][t];
    signal partialSquare[partial];
    signal partialFourth[partial];
    signal partialFifth[partial];

    var state[t];
    state[0] = 0;
    for (var i = 0; i < inputs; i++) { state[i + 1] = in[i]; }

    for (var r = 0; r < 8; r++) {
        if (r == 4) {
            for (var q = 0; q < partial; q++) {
                var x = state[0] + K[0][q];
                partialSquare[q] <== x * x;
                partialFourth[q] <== partialSquare[q] * partialSquare[q];
                partialFifth[q] <== partialFourth[q] * x;
                var first = V[q][0] * partialFifth[q];
                for (var i = 1; i < t; i++) { first += V[q][i] * state[i]; }
                for (var i = 1; i < t; i++) { state[i] += W[q][i] * partialFifth[q]; }
                state[0] = first;
            }
            var dense[t];
            for (var i = 0; i < t; i++) {
                var sum = D[0][i];
                for (var j = 0; j < t; j++) { if (P[i][j] != 0) { sum += P[i][j] * state[j]; } }
                dense[i] = sum;
            }
            state = dense;
        }
        var boxed[t];
        for (var i = 0; i < t; i++) {
            var x = state[i] + C[r][i];
            if (r == 0 && i == 0) {
                boxed[i] = x * x * x * x * x;
            } else {
                square[r][i] <== x * x;
                fourth[r][i] <== square[r][i] * square[r][i];
                fifth[r][i] <== fourth[r][i] * x;
                boxed[i] = fifth[r][i];
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
