pragma circom 2.1.6;

// Linear blocks: no constraint of their own where they are expanded in place, one row an output as a component.
// They hold for any field elements; that their results stay far below the order is shown by interval analysis, not here.
// Sums are gathered in runs of 32 terms: the compiler copies a sum with every term that it adds.

// out = in x W for `in` of B rows of m and constant W of m rows of n ("baked" weights).
template DenseBaked(B, m, n, W) {
    signal input in[B * m];
    signal output out[B * n];
    for (var b = 0; b < B; b++) {
        for (var j = 0; j < n; j++) {
            var total = 0;
            for (var from = 0; from < m; from += 32) {
                var part = 0;
                for (var k = from; k < from + 32; k++) {
                    if (k < m) { part += in[b * m + k] * W[k * n + j]; }
                }
                total += part;
            }
            out[b * n + j] <== total;
        }
    }
}

// Convolution of B images of C planes of H x L with constant weights: O output planes of OH x OL, G groups, kernel KH x KL,
// strides SH, SL, pads before PH, PL, dilations DH, DL. Source: ONNX Conv.
template ConvBaked(B, C, H, L, O, OH, OL, G, KH, KL, SH, SL, PH, PL, DH, DL, W) {
    signal input in[B * C * H * L];
    signal output out[B * O * OH * OL];
    var depth = C \ G;
    for (var b = 0; b < B; b++) {
        for (var o = 0; o < O; o++) {
            for (var y = 0; y < OH; y++) {
                for (var x = 0; x < OL; x++) {
                    var total = 0;
                    for (var c = 0; c < depth; c++) {
                        var part = 0;
                        for (var i = 0; i < KH; i++) {
                            for (var j = 0; j < KL; j++) {
                                var row = y * SH + i * DH;
                                var column = x * SL + j * DL;
                                if (row >= PH && row < PH + H && column >= PL && column < PL + L) {
                                    part += in[((b * C + (o \ (O \ G)) * depth + c) * H + row - PH) * L + column - PL]
                                        * W[((o * depth + c) * KH + i) * KL + j];
                                }
                            }
                        }
                        total += part;
                    }
                    out[((b * O + o) * OH + y) * OL + x] <== total;
                }
            }
        }
    }
}
