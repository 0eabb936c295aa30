//! Keys of InovaFarma's records, and the product id.

const scanner = @import("native").scanner;
const Value = scanner.Value;

/// The columns of `products` in the order of `domain.products.COLUMNS` without `extra`, then the other known keys.
pub const names = [_][]const u8{
    "TITLE",                  "DESCRIPTION",            "BRAND",
    "NCM",                    "CATEGORY",               "IMAGELINK",
    "COLOR",                  "EAN",                    "SHOPID",
    "SIZE",                   "PRICE",                  "WHOLESALEPRICE",
    "PRICEPROMO",             "QUANTITY",               "WHOLESALEMIN",
    "MEASURE",                "INDICE",                 "DATACADASTROPRODUTO",
    "DATAATUALIZACAOPRODUTO", "DATAATUALIZACAOESTOQUE", "PRODUCTID",
    "CNPJ",
};
pub const column_count = 20;
pub const title = 0;
pub const indice = 16;
pub const product_id = 20;
pub const cnpj = 21;

pub const Values = [names.len]Value;

/// Which key followed each key in the record before; the last entry is the first key.
pub const Order = [names.len + 1]u8;
pub const first_key = names.len;
pub const no_order: Order = @splat(0);

const max_digits = 18; // every number of so few digits fits a bigint

/// Return a positive product id that is a plain integer or its text.
pub inline fn productId(source: []const u8, value: Value) ?i64 {
    if (value.kind != .number and value.kind != .text) return null;
    const text = value.of(source);
    if (!isPlainInteger(text)) return null;
    var id: i64 = 0;
    for (text) |digit| id = id * 10 + (digit - '0');
    return if (id > 0) id else null;
}

/// Return whether a text is 1 to 18 digits.
pub inline fn isPlainInteger(text: []const u8) bool {
    if (text.len == 0 or text.len > max_digits) return false;
    for (text) |digit| if (digit < '0' or digit > '9') return false;
    return true;
}
