// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

// Made by scripts/poseidon-solidity.ts.

/// @title Poseidon of two elements over the scalar field of BN254, with the parameters that circomlib uses: x^5, 8 full and 57 partial rounds.
/// @notice A word that is not below the order counts as what it leaves: who must not take two words for one element checks that before.
/// @dev Grassi, Khovratovich, Rechberger, Roy, Schofnegger, ePrint 2019/458. Between the full rounds the elements behind the first are kept as two
/// numbers of a linear recurrence, with the same five coefficients in every round: v = x^5, x' = D v + B y + C z, y' = v + P y + E z, z' = y.
/// A product is below the order, and a word has room for a sum of five.
library Poseidon {
    uint256 private constant ORDER = 0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    uint256 private constant M00 = 0x109b7f411ba0e4c9b2b70caf5c36a7b194be7c11ad24378bfedb68592ba8118b;
    uint256 private constant M01 = 0x16ed41e13bb9c0c66ae119424fddbcbc9314dc9fdbdeea55d6c64543dc4903e0;
    uint256 private constant M02 = 0x2b90bba00fca0589f617e7dcbfe82e0df706ab640ceb247b791a93b74e36736d;
    uint256 private constant M10 = 0x2969f27eed31a480b9c36c764379dbca2cc8fdd1415c3dded62940bcde0bd771;
    uint256 private constant M11 = 0x2e2419f9ec02ec394c9871c832963dc1b89d743c8c7b964029b2311687b1fe23;
    uint256 private constant M12 = 0x101071f0032379b697315876690f053d148d4e109f5fb065c8aacc55a0f89bfa;
    uint256 private constant M20 = 0x143021ec686a3f330d5f9e654638065ce6cd79e28c5b3753326244ee65a1b1a7;
    uint256 private constant M21 = 0x176cc029695ad02582a70eff08a6fd99d057e12e58e7d7b6b16cdfabc8ee2911;
    uint256 private constant M22 = 0x19a3fc0a56702bf417ba7fee3802593fa644470307043f7773279cd71d25d5e0;
    uint256 private constant D = 0x109b7f411ba0e4c9b2b70caf5c36a7b194be7c11ad24378bfedb68592ba8118b;
    uint256 private constant P = 0x1763c79161417803ac02abffe9173ea436add2f719c6652658f7d859b4d7d402;
    uint256 private constant B = 0x01e507fb65a14b9c13e94ca2118bbc2b74ff0351d0404d3627a6d4e77316d345;
    uint256 private constant E = 0x0d5befe0d730640fcfd1bb7df80262f223d203a893c4cfacc3e8e571053098be;
    uint256 private constant C = 0x15cef5282066b9b4dc436eeccaf89bf5b61974f071a315f72baa92e7fdaff4cb;

    /// @notice The hash of two elements.
    function hash(uint256 left, uint256 right) internal pure returns (uint256) {
        return _hash(_table(), left, right);
    }

    /// @notice Each element hashed with what came of those before it, the first one with `start`.
    function chain(uint256 start, uint256[] memory elements) internal pure returns (uint256 found) {
        uint256 table = _table();
        found = start;
        for (uint256 i = 0; i < elements.length; ++i) found = _hash(table, found, elements[i]);
    }

    /// @dev Constants in memory: written out in the code of every round they would make it larger than a contract may be.
    function _table() private pure returns (uint256 table) {
        assembly ("memory-safe") {
            table := mload(0x40)
            mstore(0x40, add(table, 2304))
            mstore(add(table, 0), 0x28813dcaebaeaa828a376df87af4a63bc8b7bf27ad49c6298ef7b387bf28526d)
            mstore(add(table, 32), 0x2727673b2ccbc903f181bf38e1c1d40d2033865200c352bc150928adddf9cb78)
            mstore(add(table, 64), 0x234ec45ca27727c2e74abd2b2a1494cd6efbd43e340587d6b8fb9e31e65cc632)
            mstore(add(table, 96), 0x15b52534031ae18f7f862cb2cf7cf760ab10a8150a337b1ccd99ff6e8797d428)
            mstore(add(table, 128), 0x0dc8fad6d9e4b35f5ed9a3d186b79ce38e0e8a8d1b58b132d701d4eecf68d1f6)
            mstore(add(table, 160), 0x1bcd95ffc211fbca600f705fad3fb567ea4eb378f62e1fec97805518a47e4d9c)
            mstore(add(table, 192), 0x0a8526e9d9e0da22ce8d94e263a8ed5484d34614da2d768462cdf6dea7989b6b)
            mstore(add(table, 224), 0x1116fa006c17831ef3dc42d9dbeb7721d6372943d145e1d3572ce1e83d658fa7)
            mstore(add(table, 256), 0x238ce638b7f429c554db135a56b841dd1fafe5dbe5273eb1209a3d6fe16b702d)
            mstore(add(table, 288), 0x00185e9e6073fb916566e21fa72193d0f59a108b25eab222004ea72a8ffa97c1)
            mstore(add(table, 320), 0x116b402e300eb1750f4df186e918430eb2d7c0b94a317e1793a6a75278312c37)
            mstore(add(table, 352), 0x06f7d4fce8d01aa6f063f5833010675fb4411547923229bd250e9f18734785b0)
            mstore(add(table, 384), 0x0d7009d0dd50d1342d220cb69068ff9a575a903940d403f3973f00ad3a988e61)
            mstore(add(table, 416), 0x07bf939ea61266e66e09daa5c95a2d475ea85006fd8202ac451fbdaf4d7713fd)
            mstore(add(table, 448), 0x2ccd4cd53395c5ef4099c8d032097d33c9bbf102afc350f29d73391e1b2815ae)
            mstore(add(table, 480), 0x06066582c016122a7f718be9336aab939b32cecba5cadf998c32852fbd3c67eb)
            mstore(add(table, 512), 0x1da9873ad8b1439b0f089146fa84755247058ba96306472759a5d7570ee96a29)
            mstore(add(table, 544), 0x184ee817dfb8eefc50d06c4c63dc247f1a750a5713998c53fdb03f954f63a10e)
            mstore(add(table, 576), 0x00abaf81fd3cbe5c354e900b5b305051890aa7d5477b6ee964250d18826cdcdd)
            mstore(add(table, 608), 0x18dd9e94f0a15f041ab8da038a7c3384799f18da930ccbde5ec154ee29231724)
            mstore(add(table, 640), 0x22a9db02cd988f336b6ef109f51485f3280bd3c708702c330d28b6f3f427ecb1)
            mstore(add(table, 672), 0x1213c545a1f6533025f8fc5f1e17f97cca1bd2b8c410fbf78079ad2b27b0288e)
            mstore(add(table, 704), 0x26e9635f4d46f26fba8dff00a1aaf37861f712963723b47054fc6e6c8780d977)
            mstore(add(table, 736), 0x2dd744e809ecd0e7670257249369e2d8fa22efd5aafb0f2e79d2f8c2559728c4)
            mstore(add(table, 768), 0x0af00b5af30e88a3da0bbc526cceeff2c5230ee59dfe69236632ce3ea46b1561)
            mstore(add(table, 800), 0x0393b7620d78da3651fd18b966d0fbac0f187233e4a9b32f47edc8db1b427e1c)
            mstore(add(table, 832), 0x078941b8f2fa2025cd8f72fb3af64abde9e52f4dcc331c132e0872ba288cfd54)
            mstore(add(table, 864), 0x0d0c396d574ccda3d9838a319307b9cb23c6da24708c9dc752b3ac7aa0c01754)
            mstore(add(table, 896), 0x2d2d6c06688b5d61a28ac65fe5ceb6fbacaeda447e8c26378e4f1174fd0e7f0b)
            mstore(add(table, 928), 0x213cc690d85f0d7b12cede4e87721ccee84a0cf9140f100be64b937e89ee2b75)
            mstore(add(table, 960), 0x183c7f47bab034a6791607eb5507d2fb77c3bef7e1eb8f9e660ed49d6fa835a4)
            mstore(add(table, 992), 0x12d38aca7d7f2999acdaa7afa470dbc0d014f994ff8a425dcf5d709b4c5f8891)
            mstore(add(table, 1024), 0x05faa348214268d0b5c54ed0cde8c83a4d79fb15fa94b65a1b01ea1c50757625)
            mstore(add(table, 1056), 0x0e8dd67f884a87588287f3ab55972a7496023a43f8da426ab59bf676425b6d4a)
            mstore(add(table, 1088), 0x0810d122c011c8830f48fdbe9b43231db5f2938aa501e15b0ace836776247e20)
            mstore(add(table, 1120), 0x127e998cf30f76cc5f9b0e0359285a5df42549d1702a44ba117474f02632c618)
            mstore(add(table, 1152), 0x03f148ee71169a9f22c37ad1338c285c9dd0113aa82c26dd2fb73e92f22b7a5d)
            mstore(add(table, 1184), 0x1fcc2a3ecd83418b7c04e83c213d6c53c03448efff4928365287f12883f12f0e)
            mstore(add(table, 1216), 0x1dac70a36e33ebca594a8830eaee643a5fe4edd016cc05119244e5eddb27be90)
            mstore(add(table, 1248), 0x030ec7605dd5869a17ecb0b25596d75efe68ce5c8b4585a2833ec62d0608b202)
            mstore(add(table, 1280), 0x0ef0a55659c6c606355a3e0c1eb400b83cf39c44544b59f9d7391f1920dbde1b)
            mstore(add(table, 1312), 0x2ea57e170f7d89c2034bd8fcc3e48ced68cca812b5ac7eeee6f30443f2be21df)
            mstore(add(table, 1344), 0x0387db6cf8e365c34aa496466ac8127813e1fa2bc9c9084bf95214811b31ca45)
            mstore(add(table, 1376), 0x1c17bcb60cad114daa86b7ab0faf2f9e53b4f1590d72ad49598a1c9f631762b3)
            mstore(add(table, 1408), 0x1958056f36be3ded17384bb3a059357846f2b30b01f0337c1e1c2b704d3ea0e4)
            mstore(add(table, 1440), 0x2de99b3e77de42ec6e5975d4477ae96d00b23bf9c6391e595529e0a4021221fb)
            mstore(add(table, 1472), 0x2d2131086c3bc3418dde3237acaabb24b27e9e2cbfd7a9ebf52bd612688b3527)
            mstore(add(table, 1504), 0x0ae349869aec39bf93f8b2cbd631d4baf910de6d1712142acfa2b82dd7ec01fa)
            mstore(add(table, 1536), 0x209df7f7923cb342ca83896920e95f9f11c4729970172640b000430eca179989)
            mstore(add(table, 1568), 0x21e79c2d6c42734a9a608dc58c35c137517b1e64a5d5767fdddaa1a12efade88)
            mstore(add(table, 1600), 0x049c4e33e7ccf5ad5ebd5d0794ade154e86af76537ee5ccfa237a262c4e467ba)
            mstore(add(table, 1632), 0x1869d4e923fb31e8424a16c269e46ac49254c3d05ff35022a76b98b11f8b8b33)
            mstore(add(table, 1664), 0x23bf80f538756a283d8f04719a8b6e028ddedeb95e2fa971a1aa002d34539385)
            mstore(add(table, 1696), 0x26cde2d63e1b586581f632ce4c4fa2efc226bc5cf18d65c5525a8fcc5066fb94)
            mstore(add(table, 1728), 0x14076b33136ec0e1ac549638a4b902ba5d6ebf052a8f14804256e47cf2c2f04b)
            mstore(add(table, 1760), 0x2cd8fb137caa0ed0b658a8fb3b7568185e987910e8aaa40e0db02a734e03c42e)
            mstore(add(table, 1792), 0x024562fc799792e21a0c94cbb88e1a43b297948049cef86c17d04a0298d793b8)
            mstore(add(table, 1824), 0x270aec6f1b7b1a1a241b2b0b78f713f2aa23a25cbcbe5220eae939775fc7295c)
            mstore(add(table, 1856), 0x1a093a3014147bf0bac4e3c917c367b95f7955495b87549ecc6ce7f96d7087e6)
            mstore(add(table, 1888), 0x0dcebf0a0455c0d2b7cf2b4a674258af44a114be3a162795ed39938193b79f06)
            mstore(add(table, 1920), 0x0910adbe751bb9038b98054eb027a8b71f83ad86ad8c06255d1c0c8d77a448f8)
            mstore(add(table, 1952), 0x209a5c2333bdb226479c47dc0e045edb76cb46c3b886f5df3b9796842f174a8f)
            mstore(add(table, 1984), 0x18d1db85bf7812d2cc6e761ce8b778e46a8fb6dec2b640692e39748ee1857cba)
            mstore(add(table, 2016), 0x1cfb5662e8cf5ac9226a80ee17b36abecb73ab5f87e161927b4349e10e4bdf08)
            mstore(add(table, 2048), 0x0f21177e302a771bbae6d8d1ecb373b62c99af346220ac0129c53f666eb24100)
            mstore(add(table, 2080), 0x1671522374606992affb0dd7f71b12bec4236aede6290546bcef7e1f515c2320)
            mstore(add(table, 2112), 0x0fa3ec5b9488259c2eb4cf24501bfad9be2ec9e42c5cc8ccd419d2a692cad870)
            mstore(add(table, 2144), 0x193c0e04e0bd298357cb266c1506080ed36edce85c648cc085e8c57b1ab54bba)
            mstore(add(table, 2176), 0x102adf8ef74735a27e9128306dcbc3c99f6f7291cd406578ce14ea2adaba68f8)
            mstore(add(table, 2208), 0x0fe0af7858e49859e2a54d6f1ad945b1316aa24bfbdd23ae40a6d0cb70c3eab1)
            mstore(add(table, 2240), 0x216f6717bbc7dedb08536a2220843f4e2da5f1daa9ebdefde8a5ea7344798d22)
            mstore(add(table, 2272), 0x1da55cc900f0d21f4a3e694391918a1b3c23b2ac773c6b3ef88e2e4228325161)
        }
    }

    /// @dev The constants that a round adds are those of the next one.
    function _hash(uint256 table, uint256 left, uint256 right) private pure returns (uint256 found) {
        assembly ("memory-safe") {
            let v
            let w
            let y := addmod(left, 0x00f1445235f2148c5986587169fc1bcd887b08d4d00868df5696fff40956e864, ORDER)
            let z := addmod(right, 0x08dff3487e8ac99e1f29a058d0fa80b930c728730b7ab36ce879f3890ecf73f5, ORDER)
            v := mulmod(y, y, ORDER)
            y := mulmod(mulmod(v, v, ORDER), y, ORDER)
            v := mulmod(z, z, ORDER)
            z := mulmod(mulmod(v, v, ORDER), z, ORDER)
            let x := add(add(mulmod(y, M01, ORDER), mulmod(z, M02, ORDER)), 0x20ed6e54929ebd0c5779836cf7d2e94c39521daa94788227aca5dbc36b9c613a)
            v := add(add(mulmod(y, M11, ORDER), mulmod(z, M12, ORDER)), 0x240fd68c8afc783f6baa5d18d6137070032956469b5cb06e966820231cc05b3e)
            z := add(add(mulmod(y, M21, ORDER), mulmod(z, M22, ORDER)), 0x23dc61092dc247151d38da17703c1ccb157f035575fe333d62fda4d2a5ae1bf5)
            y := v
            for { let at := add(table, 0) let end := add(table, 192) } lt(at, end) { at := add(at, 96) } {
                v := mulmod(x, x, ORDER)
                x := mulmod(mulmod(v, v, ORDER), x, ORDER)
                v := mulmod(y, y, ORDER)
                y := mulmod(mulmod(v, v, ORDER), y, ORDER)
                v := mulmod(z, z, ORDER)
                z := mulmod(mulmod(v, v, ORDER), z, ORDER)
                v := add(add(add(mulmod(x, M00, ORDER), mulmod(y, M01, ORDER)), mulmod(z, M02, ORDER)), mload(at))
                w := add(add(add(mulmod(x, M10, ORDER), mulmod(y, M11, ORDER)), mulmod(z, M12, ORDER)), mload(add(at, 32)))
                z := add(add(add(mulmod(x, M20, ORDER), mulmod(y, M21, ORDER)), mulmod(z, M22, ORDER)), mload(add(at, 64)))
                x := v
                y := w
            }
            v := mulmod(x, x, ORDER)
            x := mulmod(mulmod(v, v, ORDER), x, ORDER)
            v := mulmod(y, y, ORDER)
            y := mulmod(mulmod(v, v, ORDER), y, ORDER)
            v := mulmod(z, z, ORDER)
            z := mulmod(mulmod(v, v, ORDER), z, ORDER)
            w := add(add(add(mulmod(x, 0x109b7f411ba0e4c9b2b70caf5c36a7b194be7c11ad24378bfedb68592ba8118b, ORDER), mulmod(y, 0x16ed41e13bb9c0c66ae119424fddbcbc9314dc9fdbdeea55d6c64543dc4903e0, ORDER)), mulmod(z, 0x2b90bba00fca0589f617e7dcbfe82e0df706ab640ceb247b791a93b74e36736d, ORDER)), 0x10520b0ab721cadfe9eff81b016fc34dc76da36c2578937817cb978d069de559)
            v := add(add(mulmod(x, 0x0000000000000000000000000000000000000000000000000000000000000001, ORDER), mulmod(y, 0x234779982e403d4b6d14729d8f8236c7bd9f711c8bf23deb99556ecf727879f8, ORDER)), mulmod(z, 0x19635dce6db8356a6317e48d8aabde8aea881b3b44fb28a6edee8e5f998b70c6, ORDER))
            z := add(add(mulmod(x, 0x0000000000000000000000000000000000000000000000000000000000000000, ORDER), mulmod(y, 0x0094a53831956ae4e6003af37d807a63f3b290d33463ca415769f0542547fc37, ORDER)), mulmod(z, 0x1455379c5f03b44f91a360a6db4e813d2724c895cff761fbea5b819db6d9d941, ORDER))
            x := w
            y := v
            for { let at := add(table, 192) let end := add(table, 2016) } lt(at, end) { at := add(at, 96) } {
                v := mulmod(x, x, ORDER)
                v := mulmod(mulmod(v, v, ORDER), x, ORDER)
                x := add(add(add(mulmod(v, D, ORDER), mulmod(y, B, ORDER)), mulmod(z, C, ORDER)), mload(at))
                z := add(mulmod(y, P, ORDER), add(mulmod(z, E, ORDER), v))
                v := mulmod(x, x, ORDER)
                v := mulmod(mulmod(v, v, ORDER), x, ORDER)
                x := add(add(add(mulmod(v, D, ORDER), mulmod(z, B, ORDER)), mulmod(y, C, ORDER)), mload(add(at, 32)))
                y := add(mulmod(z, P, ORDER), add(mulmod(y, E, ORDER), v))
                v := mulmod(x, x, ORDER)
                v := mulmod(mulmod(v, v, ORDER), x, ORDER)
                x := add(add(add(mulmod(v, D, ORDER), mulmod(y, B, ORDER)), mulmod(z, C, ORDER)), mload(add(at, 64)))
                z := add(mulmod(y, P, ORDER), add(mulmod(z, E, ORDER), v))
                v := y
                y := z
                z := v
            }
            v := add(add(mulmod(y, 0x2969f27eed31a480b9c36c764379dbca2cc8fdd1415c3dded62940bcde0bd771, ORDER), mulmod(z, 0x1832f4d69976df828945900063014af15903639421d1119537634fa5129acbf9, ORDER)), 0x072c1bbe5b21fad79ea9520d9d76706713b173b7293f9c31eb5e88b77c646292)
            z := add(add(mulmod(y, 0x143021ec686a3f330d5f9e654638065ce6cd79e28c5b3753326244ee65a1b1a7, ORDER), mulmod(z, 0x1fa1bd873195ac6cb16f7e55c0e469498ba50477cfe86285e1ea9173f7978cd8, ORDER)), 0x069b898b636f3281d5e49d4e543e4134f3480e62c8a20d4c846db06afaea7a34)
            y := v
            for { let at := add(table, 2016) let end := add(table, 2304) } lt(at, end) { at := add(at, 96) } {
                v := mulmod(x, x, ORDER)
                x := mulmod(mulmod(v, v, ORDER), x, ORDER)
                v := mulmod(y, y, ORDER)
                y := mulmod(mulmod(v, v, ORDER), y, ORDER)
                v := mulmod(z, z, ORDER)
                z := mulmod(mulmod(v, v, ORDER), z, ORDER)
                v := add(add(add(mulmod(x, M00, ORDER), mulmod(y, M01, ORDER)), mulmod(z, M02, ORDER)), mload(at))
                w := add(add(add(mulmod(x, M10, ORDER), mulmod(y, M11, ORDER)), mulmod(z, M12, ORDER)), mload(add(at, 32)))
                z := add(add(add(mulmod(x, M20, ORDER), mulmod(y, M21, ORDER)), mulmod(z, M22, ORDER)), mload(add(at, 64)))
                x := v
                y := w
            }
            v := mulmod(x, x, ORDER)
            x := mulmod(mulmod(v, v, ORDER), x, ORDER)
            v := mulmod(y, y, ORDER)
            y := mulmod(mulmod(v, v, ORDER), y, ORDER)
            v := mulmod(z, z, ORDER)
            z := mulmod(mulmod(v, v, ORDER), z, ORDER)
            found := mod(add(add(mulmod(x, M00, ORDER), mulmod(y, M01, ORDER)), mulmod(z, M02, ORDER)), ORDER)
        }
    }
}
