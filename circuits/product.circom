pragma circom 2.1.6;

// Products of two matrices of wires ("committed" weights).

// out = a x b for B independent pairs of m x k and k x n, product by product. Cost: B * m * k * n constraints; out is linear in them.
template MatrixProduct(B, m, k, n) {
    signal input a[B * m * k];
    signal input b[B * k * n];
    signal output out[B * m * n];
    signal term[B * m * n][k];
    for (var z = 0; z < B; z++) {
        for (var i = 0; i < m; i++) {
            for (var j = 0; j < n; j++) {
                var total = 0;
                for (var l = 0; l < k; l++) {
                    term[(z * m + i) * n + j][l] <== a[(z * m + i) * k + l] * b[(z * k + l) * n + j];
                    total += term[(z * m + i) * n + j][l];
                }
                out[(z * m + i) * n + j] <== total;
            }
        }
    }
}

// Shows y = a x b (m x k times k x n) by Freivalds' check at the powers of one challenge: a x (b x v) = y x v for v = (1, r, ..., r^(n-1)).
// The challenge must be a hash of commitments to a, b and y recomputed in the same circuit from the same wires: a constant, or one from
// outside, lets a prover fit y to it. A wrong y passes with chance (n - 1) / r(order) for each guess of a challenge.
// Cost: k * (n - 1) + m * k + m * (n - 1) constraints (Horner; the last product of each row is compared, not stored).
template Freivalds(m, k, n) {
    signal input challenge[1];
    signal input a[m * k];
    signal input b[k * n];
    signal input y[m * n];
    signal folded[k][n];
    signal product[m][k];
    signal sums[m][n];
    var right[k];
    for (var l = 0; l < k; l++) {
        var form = b[l * n + n - 1];
        for (var j = n - 2; j >= 0; j--) {
            folded[l][j] <== form * challenge[0];
            form = folded[l][j] + b[l * n + j];
        }
        right[l] = form;
    }
    for (var i = 0; i < m; i++) {
        var form = y[i * n + n - 1];
        for (var j = n - 2; j >= 0; j--) {
            sums[i][j] <== form * challenge[0];
            form = sums[i][j] + y[i * n + j];
        }
        var total = 0;
        for (var l = 0; l < k - 1; l++) {
            product[i][l] <== a[i * k + l] * right[l];
            total += product[i][l];
        }
        a[i * k + k - 1] * right[k - 1] === form - total;
    }
}

// Guesses y = a x b: hints alone, no constraint. Only for wires that Freivalds, in the same circuit, is shown to hold for.
template ProductHint(m, k, n) {
    signal input a[m * k];
    signal input b[k * n];
    signal output y[m * n];
    for (var i = 0; i < m; i++) {
        for (var j = 0; j < n; j++) {
            var total = 0;
            for (var l = 0; l < k; l++) { total += a[i * k + l] * b[l * n + j]; }
            // Hint. Pinned by Freivalds, whose challenge is a hash of a, b and y.
            y[i * n + j] <-- total;
        }
    }
}
