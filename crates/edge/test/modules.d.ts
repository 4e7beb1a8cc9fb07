// Packages of tests that bring no types.
declare module "multer" {
  const multer: () => { single(field: string): import("express").RequestHandler };
  export default multer;
}

declare module "workerd" {
  const workerd: {
    /** The path of the program. */
    default: string;
  };
  export default workerd;
}

declare namespace Express {
  interface Request {
    file?: { size: number };
  }
}
