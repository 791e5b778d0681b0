pragma circom 2.1.6;

// Blocks about the bits of integers. An integer v stands for the field element v mod r; a block works on N of them at once.
// These templates are also expanded in place into the circuit of a program (src/zk/blocks.ts), where an input may be any linear
// expression: as a component's input it would cost a row.

// Bits of in + offset, which shows 0 <= in + offset < 2^n. low[i][k] is bit k; the top bit is no wire but what the others leave.
// Demands n <= 250, so that no sum of bits reaches the order of the field (no aliases). Cost: n constraints an element, n - 1 wires.
template Bits(N, n, offset) {
    signal input in[N];
    signal output low[N][n - 1];
    var top[N];
    for (var i = 0; i < N; i++) {
        var sum = 0;
        for (var k = 0; k < n - 1; k++) {
            // Hint. Pinned by `low * (low - 1) === 0` to 0 or 1 and, with all other bits of the element, by the constraint on `top`:
            // a sum of bits below 2^n has one solution.
            low[i][k] <-- ((in[i] + offset) >> k) & 1;
            low[i][k] * (low[i][k] - 1) === 0;
            sum += low[i][k] * (1 << k);
        }
        top[i] = (in[i] + offset - sum) / (1 << (n - 1));
        top[i] * (top[i] - 1) === 0;
    }
}

// max(q, 0) for q = floor(y / 2^s), from the bits of y + 2^(n-1): the top bit says q >= 0, and then the others above s are q.
// Trusts low and top to be Bits(N, n, 2^(n-1)) of y. Cost: 1 constraint an element.
template Relu(N, n, s) {
    signal input low[N][n - 1];
    signal input top[N];
    signal output out[N];
    for (var i = 0; i < N; i++) {
        var value = 0;
        for (var k = s; k < n - 1; k++) { value += low[i][k] * (1 << (k - s)); }
        out[i] <== top[i] * value;
    }
}

// min(max(q, 0), 2^c - 1) for q = floor(y / 2^s), from the same bits. Trusts low and top as Relu does. Cost: 4 constraints an element.
template ReluClamp(N, n, s, c) {
    signal input low[N][n - 1];
    signal input top[N];
    signal output out[N];
    signal inverse[N];
    signal fits[N];
    signal magnitude[N];
    for (var i = 0; i < N; i++) {
        var value = 0;
        var high = 0;
        for (var k = s; k < s + c; k++) { value += low[i][k] * (1 << (k - s)); }
        for (var k = s + c; k < n - 1; k++) { high += low[i][k]; }
        // Hint. Where high is not 0, `high * fits === 0` makes fits 0 and then `high * inverse` is 1. Where high is 0, fits is 1
        // whatever the inverse is: it is free there, and nothing but fits reads it.
        inverse[i] <-- high != 0 ? 1 / high : 0;
        fits[i] <== 1 - high * inverse[i];
        high * fits[i] === 0;
        magnitude[i] <== fits[i] * (value - ((1 << c) - 1)) + (1 << c) - 1;
        out[i] <== top[i] * magnitude[i];
    }
}

// max(x, -2^c), where x is below -2^c just where q = floor(y / 2^s) is, from the bits of y + 2^(n-1): a negative q is below where a bit
// from s + c on is 0. Trusts low and top as Relu does, and the caller that x is q or min(q, some bound not below -2^c).
// Cost: 3 constraints an element.
template ClampLow(N, n, s, c) {
    signal input low[N][n - 1];
    signal input top[N];
    signal input x[N];
    signal output out[N];
    signal inverse[N];
    signal within[N];
    for (var i = 0; i < N; i++) {
        var missing = top[i];
        for (var k = s + c; k < n - 1; k++) { missing += 1 - low[i][k]; }
        // Hint. within is [missing is 0], as in ReluClamp; the inverse is free where missing is 0.
        inverse[i] <-- missing != 0 ? 1 / missing : 0;
        within[i] <== 1 - missing * inverse[i];
        missing * within[i] === 0;
        out[i] <== x[i] + (1 - top[i] - within[i]) * (0 - (1 << c) - x[i]);
    }
}

// min(x, 2^c - 1), where x exceeds 2^c - 1 just where q = floor(y / 2^s) does, from the bits of y + 2^(n-1), or, where signed is 0, of
// y >= 0. Trusts low and top as Relu does, and the caller that x is max(q, some bound not above 2^c - 1) or q. Cost: 3 an element.
template ClampHigh(N, n, s, c, signed) {
    signal input low[N][n - 1];
    signal input top[N];
    signal input x[N];
    signal output out[N];
    signal inverse[N];
    signal within[N];
    for (var i = 0; i < N; i++) {
        var excess = 0;
        if (signed == 1) { excess = 1 - top[i]; }
        if (signed == 0) { if (n - 1 >= s + c) { excess = top[i]; } }
        for (var k = s + c; k < n - 1; k++) { excess += low[i][k]; }
        // Hint. within is [excess is 0], as in ReluClamp; the inverse is free where excess is 0.
        inverse[i] <-- excess != 0 ? 1 / excess : 0;
        within[i] <== 1 - excess * inverse[i];
        excess * within[i] === 0;
        var above = 1 - within[i];
        if (signed == 1) { above = top[i] - within[i]; }
        out[i] <== x[i] + above * ((1 << c) - 1 - x[i]);
    }
}
