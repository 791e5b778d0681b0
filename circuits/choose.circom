pragma circom 2.1.6;

// Blocks that choose between integers: products, selections, maxima, the place of the largest.

// out = a * b. The caller bounds both so that the product is far below the order. Cost: 1 constraint an element.
template Product(N) {
    signal input a[N];
    signal input b[N];
    signal output out[N];
    for (var i = 0; i < N; i++) { out[i] <== a[i] * b[i]; }
}

// out = which ? a : b. Trusts which to be 0 or 1. Cost: 1 constraint an element.
// The larger of a and b is Select with the top bit of a - b + 2^(n-1).
template Select(N) {
    signal input which[N];
    signal input a[N];
    signal input b[N];
    signal output out[N];
    for (var i = 0; i < N; i++) { out[i] <== b[i] + which[i] * (a[i] - b[i]); }
}

// out = [in is 0]. Cost: 2 constraints an element.
template IsZero(N) {
    signal input in[N];
    signal output out[N];
    signal inverse[N];
    for (var i = 0; i < N; i++) {
        // Hint. `in * out === 0` makes out 0 where in is not; where in is 0 out is 1 and the inverse is free, read by nothing else.
        inverse[i] <-- in[i] != 0 ? 1 / in[i] : 0;
        out[i] <== 1 - in[i] * inverse[i];
        in[i] * out[i] === 0;
    }
}

// The largest of each K neighbours: best so far against the next, by the sign of their difference.
// Trusts every difference to lie in -2^(n-1) .. 2^(n-1) - 1. Cost: (K - 1) * (n + 1) constraints a group.
template Maximum(N, K, n) {
    signal input in[N * K];
    signal output out[N];
    signal low[N][K - 1][n - 1];
    signal best[N][K];
    for (var g = 0; g < N; g++) {
        var leader = in[g * K];
        for (var k = 1; k < K; k++) {
            var lead = leader - in[g * K + k] + (1 << (n - 1));
            var sum = 0;
            for (var j = 0; j < n - 1; j++) {
                // Hint. Pinned as in Bits: 0 or 1, and with the top bit the only sum that gives the difference.
                low[g][k - 1][j] <-- (lead >> j) & 1;
                low[g][k - 1][j] * (low[g][k - 1][j] - 1) === 0;
                sum += low[g][k - 1][j] * (1 << j);
            }
            var stays = (lead - sum) / (1 << (n - 1));
            stays * (stays - 1) === 0;
            best[g][k] <== in[g * K + k] + stays * (leader - in[g * K + k]);
            leader = best[g][k];
        }
        out[g] <== leader;
    }
}

// The place of the largest of each K neighbours, the lowest of equal ones: a later element wins only where it is larger.
// Trusts the differences as Maximum does. Cost: (K - 1) * (n + 2) - 2 constraints a group, and a row
// where K is 2.
template ArgMax(N, K, n) {
    signal input in[N * K];
    signal output out[N];
    signal low[N][K - 1][n - 1];
    signal best[N][K];
    signal place[N][K];
    for (var g = 0; g < N; g++) {
        var leader = in[g * K];
        var at = 0;
        for (var k = 1; k < K; k++) {
            var lead = leader - in[g * K + k] + (1 << (n - 1));
            var sum = 0;
            for (var j = 0; j < n - 1; j++) {
                // Hint. Pinned as in Bits.
                low[g][k - 1][j] <-- (lead >> j) & 1;
                low[g][k - 1][j] * (low[g][k - 1][j] - 1) === 0;
                sum += low[g][k - 1][j] * (1 << j);
            }
            var stays = (lead - sum) / (1 << (n - 1));
            stays * (stays - 1) === 0;
            if (k < K - 1) {
                best[g][k] <== in[g * K + k] + stays * (leader - in[g * K + k]);
                leader = best[g][k];
            }
            if (k > 1) {
                place[g][k] <== k + stays * (at - k);
                at = place[g][k];
            } else {
                at = 1 - stays;
            }
        }
        out[g] <== at;
    }
}
